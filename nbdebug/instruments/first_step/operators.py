"""Two operators that fail silently: shapes stretched against each other, softmax over the wrong dimension."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.instruments.first_step.result import Broadcast, SoftmaxUse
from nbdebug.listening import Call, Tape
from nbdebug.loss_call import BINARY, REGRESSION

MEETING = frozenset(["add", "sub", "mul", "div", "rsub", "__sub__", "__rsub__", "__mul__", "__truediv__", "__add__", "pow", "eq", "ne", "lt", "gt", "le", "ge", "__eq__"])
PASSING = frozenset(
    ["dropout", "masked_fill", "masked_fill_", "to", "type", "float", "half", "bfloat16", "contiguous", "clone", "nan_to_num", "div", "div_", "mul", "mul_", "add", "add_", "__truediv__", "__mul__", "__add__", "where"]
)
RETYPING = frozenset("to float double long type half view reshape __getitem__".split())
PRODUCTS = frozenset(["matmul", "bmm", "__matmul__", "mm"])


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
    by_hand = call.name in MEETING and not call.in_model and _of_batch(tape, right, batch_ids) != _of_batch(tape, left, batch_ids)
    if not (torch_loss or by_hand) or left.shape == right.shape or not _column_meets_row(left, right, torch_loss):
        return None
    result = tuple(map(max, zip(*_padded(left, right), strict=True)))
    return Broadcast(call.operator, tuple(left.shape), tuple(right.shape), result, call.location)


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

    A matrix product sums over the last dimension of its left factor: in that one attention weights must add up to
    one. Only softmax over scores that are themselves a product of two activations counts as attention: a softmaxed
    weight matrix may be normalised either way (the transition matrix of a Markov chain).
    """
    return tuple(use for call in tape.calls if call.name in PRODUCTS if (use := _use(tape, call)) is not None)


def _use(tape: Tape, product: Call) -> SoftmaxUse | None:
    factor = product.argument(0, "input")
    if not isinstance(factor, Tensor) or factor.ndim < 2:
        return None
    softmax = _behind(tape, factor, ("softmax",))
    if softmax is None or softmax.outputs()[0].shape != factor.shape:
        return None
    dim = softmax.argument(1, "dim")
    if not isinstance(dim, int) or dim % factor.ndim == factor.ndim - 1 or not _scores(tape, softmax):
        return None
    return SoftmaxUse(dim % factor.ndim, factor.ndim - 1, tuple(factor.shape), softmax.location)


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
