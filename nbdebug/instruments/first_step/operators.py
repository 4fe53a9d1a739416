"""Two operators that fail silently: shapes stretched against each other, softmax over the wrong dimension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.instruments.first_step.result import Broadcast, SoftmaxUse
from nbdebug.listening import Call, Tape
from nbdebug.loss_call import BINARY, REGRESSION, is_probabilities

MEETING = frozenset(["add", "sub", "mul", "div", "rsub", "__sub__", "__rsub__", "__mul__", "__truediv__", "__add__", "pow", "eq", "ne", "lt", "gt", "le", "ge", "__eq__"])
PASSING = frozenset(
    ["dropout", "masked_fill", "masked_fill_", "to", "type", "float", "half", "bfloat16", "contiguous", "clone", "nan_to_num", "div", "div_", "mul", "mul_", "add", "add_", "__truediv__", "__mul__", "__add__", "where"]
)
RETYPING = frozenset("to float double long type half view reshape __getitem__".split())
LAYERS = frozenset("linear addmm matmul __matmul__ mm sigmoid tanh relu softplus exp".split())
PRODUCTS = frozenset(["matmul", "bmm", "__matmul__", "mm", "einsum"])


def broadcasts(tape: Tape, batch: Any) -> tuple[Broadcast, ...]:
    """Where predictions and targets of different shape met, and were stretched to a common one."""
    targets = {id(tensor) for _, tensor in batches.tensors(batch)}
    return tuple(found for call in tape.calls if (found := _broadcast(tape, call, targets)) is not None)


def _broadcast(tape: Tape, call: Call, batch_ids: set[int]) -> Broadcast | None:
    inputs = call.inputs()
    if len(inputs) < 2:
        return None
    left, right = inputs[0], inputs[1]
    torch_loss = call.name in REGRESSION or call.name in BINARY
    if left.shape == right.shape or not _column_meets_row(left, right, torch_loss):
        return None
    by_hand = call.name in MEETING and not call.in_model and any(
        (_of_batch(tape, target, batch_ids) and _is_predicted(tape, other)) or _is_column_of_outputs(tape, other, target)
        for target, other in ((left, right), (right, left))
    )
    if not (torch_loss or by_hand):
        return None
    result = tuple(map(max, zip(*_padded(left, right), strict=True)))
    return Broadcast(call.operator, tuple(left.shape), tuple(right.shape), result, call.location)


def _is_predicted(tape: Tape, tensor: Tensor) -> bool:
    """Whether the model had a part in this tensor; two columns of the batch are compared in pairs on purpose."""
    return any(tape.calls[index].in_model for index in tape.ancestors(tensor))


def _is_column_of_outputs(tape: Tape, outputs: Tensor, row: Tensor) -> bool:
    """Whether a layer gave these (N, 1), as they are, and they meet N numbers without a graph, such as returns that were worked out."""
    if outputs.ndim != 2 or row.shape != outputs.shape[:1] or outputs.shape[1] != 1 or row.requires_grad or not outputs.requires_grad:
        return False
    maker = tape.maker(outputs)
    return maker is not None and maker.in_model and maker.name in LAYERS


def _of_batch(tape: Tape, tensor: Tensor, batch_ids: set[int]) -> bool:
    """Whether this is a tensor of the batch, perhaps retyped or reshaped."""
    call = tape.maker(tensor)
    while id(tensor) not in batch_ids:
        if call is None or call.name not in RETYPING:
            return False
        tensor, call = call.inputs()[0], tape.before(call)
    return True


def _column_meets_row(left: Tensor, right: Tensor, torch_loss: bool) -> bool:
    """(N, 1) against (N,): the result is larger than both, which no loss wants."""
    shapes = _padded(left, right)
    grown = 1
    for a, b in zip(*shapes, strict=True):
        grown *= max(a, b)
    larger = grown > max(left.numel(), right.numel())
    return larger and (torch_loss or left.ndim != right.ndim)  # equal ndim: an unsqueeze, made on purpose


def _padded(left: Tensor, right: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    ndim = max(left.ndim, right.ndim)
    return (1,) * (ndim - left.ndim) + tuple(left.shape), (1,) * (ndim - right.ndim) + tuple(right.shape)


def softmaxes(tape: Tape) -> tuple[SoftmaxUse, ...]:
    """Attention weights that are normalised over one dimension and summed over another.

    A matrix product sums over the last dimension of its left factor, einsum over the letters that it drops: in those
    attention weights must add up to one. Weights that do so in spite of their softmax were normalised again (slot
    attention). Only softmax over scores that are themselves a product of two activations counts as attention: a softmaxed
    weight matrix may be normalised either way (the transition matrix of a Markov chain).
    """
    return tuple(use for call in tape.calls if call.name in PRODUCTS if (use := _use(tape, call)) is not None)


def _use(tape: Tape, product: Call) -> SoftmaxUse | None:
    for factor, summed in _summed(product):
        softmax = _behind(tape, factor, ("softmax",))
        if softmax is None or not summed or softmax.outputs()[0].shape != factor.shape:
            continue
        dim = softmax.argument(1, "dim")
        strays = isinstance(dim, int) and dim % factor.ndim not in summed and _scores(tape, softmax)
        if strays and not any(is_probabilities(factor.detach(), d) for d in summed):
            return SoftmaxUse(dim % factor.ndim, summed[-1], tuple(factor.shape), softmax.location)
    return None


def _summed(product: Call) -> Iterator[tuple[Tensor, tuple[int, ...]]]:
    """The factors of a product that may be attention weights, each with its dimensions that are summed over."""
    factors = product.inputs()
    if product.name != "einsum":
        yield from ((factor, (factor.ndim - 1,)) for factor in factors[:1] if factor.ndim > 1)
        return
    equation = product.argument(0, "equation")
    if not isinstance(equation, str) or "->" not in equation or "." in equation:
        return
    terms, _, result = equation.replace(" ", "").partition("->")
    for factor, letters in zip(factors, terms.split(","), strict=False):
        yield factor, tuple(d for d, letter in enumerate(letters) if letter not in result)


def _scores(tape: Tape, softmax: Call) -> bool:
    """Whether what goes into this softmax is a product of two activations, queries and keys."""
    product = _behind(tape, softmax.inputs()[0], PRODUCTS)
    return product is not None and all(_is_activation(tape, factor) for factor in product.inputs()[:2])


def _is_activation(tape: Tape, tensor: Tensor) -> bool:
    origin = tape.origin(tensor)
    return origin is not None or not isinstance(tensor, nn.Parameter)


def _behind(tape: Tape, tensor: Tensor, names: Any) -> Call | None:
    """The call with one of these names that made the tensor, looked for through scaling, masking and dropout."""
    call = tape.maker(tensor)
    while call is not None and call.name not in names and call.name in PASSING:
        call = tape.before(call)
    return call if call is not None and call.name in names else None
