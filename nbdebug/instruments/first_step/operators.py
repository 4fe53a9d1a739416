"""Two operators that fail silently: shapes stretched against each other, softmax over the wrong dimension."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.findings import Location
from nbdebug.instruments.first_step.result import Broadcast, SoftmaxUse
from nbdebug.listening import Call, Tape
from nbdebug.loss_call import BINARY, REGRESSION, is_probabilities

MEETING = frozenset(["add", "sub", "mul", "div", "rsub", "__sub__", "__rsub__", "__mul__", "__truediv__", "__add__", "pow", "eq", "ne", "lt", "gt", "le", "ge", "__eq__"])
PASSING = frozenset(
    ["dropout", "masked_fill", "masked_fill_", "to", "type", "float", "half", "bfloat16", "contiguous", "clone", "nan_to_num", "div", "div_", "mul", "mul_", "add", "add_", "__truediv__", "__mul__", "__add__", "where"]
)
STRETCHES = (*REGRESSION, *BINARY, "gaussian_nll_loss", "poisson_nll_loss", "kl_div", "soft_margin_loss")  # torch stretches what these are given
ARITHMETIC = frozenset("add sub mul div rsub __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__".split())
RETYPING = frozenset("to float double long type half view reshape __getitem__".split())
LAYERS = frozenset("linear addmm matmul __matmul__ mm sigmoid tanh relu softplus exp".split())
QUERY = re.compile(r"quer|attn|atten|context|^q\d*$|key", re.I)  # a learnt factor of attention; centres and prototypes compete for an input on purpose
PRODUCTS = frozenset(["matmul", "bmm", "__matmul__", "mm", "einsum"])


def broadcasts(tape: Tape, batch: Any) -> tuple[Broadcast, ...]:
    """Where predictions and targets of different shape met, and were stretched to a common one."""
    targets = {id(tensor) for _, tensor in batches.tensors(batch)}
    found = (_broadcast(tape, call, targets) for call in tape.calls)
    return tuple({str(one.location): one for one in reversed([one for one in found if one is not None])}.values())[::-1]


def _broadcast(tape: Tape, call: Call, batch_ids: set[int]) -> Broadcast | None:
    inputs = call.inputs()
    if len(inputs) < 2:
        return None
    left, right = inputs[0], inputs[1]
    torch_loss = call.name in STRETCHES
    if left.shape == right.shape or not _column_meets_row(left, right, torch_loss):
        return None
    by_hand = call.name in MEETING and not call.in_model and any(
        (_of_batch(tape, target, batch_ids) and _is_predicted(tape, other)) or _is_column_of_outputs(tape, other, target)
        or _is_column_of_samples(tape, call, other, target, batch_ids)
        for target, other in ((left, right), (right, left))
    )
    if not (torch_loss or by_hand):
        return None
    result = tuple(map(max, zip(*_padded(left, right), strict=True)))
    place = call.location if call.line is not None or not torch_loss else Location(module=call.module, operator=call.operator)  # not where a module of torch's is made
    return Broadcast(call.operator, tuple(left.shape), tuple(right.shape), result, place)


def _is_predicted(tape: Tape, tensor: Tensor) -> bool:
    """Whether the model had a part in this tensor; two columns of the batch are compared in pairs on purpose."""
    return any(tape.calls[index].in_model for index in tape.ancestors(tensor))


def _is_column_of_outputs(tape: Tape, outputs: Tensor, row: Tensor) -> bool:
    """Whether a layer gave these (N, 1), as they are, and they meet N numbers without a graph, such as returns that were worked out."""
    if outputs.ndim != 2 or row.shape != outputs.shape[:1] or outputs.shape[1] != 1 or row.requires_grad or not outputs.requires_grad:
        return False
    maker = tape.maker(outputs)
    return maker is not None and maker.in_model and maker.name in LAYERS


def _is_column_of_samples(tape: Tape, call: Call, column: Tensor, row: Tensor, batch_ids: set[int]) -> bool:
    """Whether numbers that come as (N, 1) from the batch, or that `gather` picked for each sample, are reckoned with N others of the same samples.

    A column that the code makes by itself (`x[:, None]`, `keepdim=True`) is meant for pairs, and so is a comparison.
    """
    if column.ndim != 2 or column.shape[1] != 1 or row.shape != column.shape[:1] or call.name not in ARITHMETIC:
        return False
    roots = set(_came_as_columns(tape, column, batch_ids))
    behind = [tape.calls[index] for index in tape.ancestors(row)]
    given = {id(tensor) for one in behind for tensor in one.given} | {id(row)}
    return bool(roots) and 0 not in roots and bool(given & batch_ids) and not roots & given


def _came_as_columns(tape: Tape, column: Tensor, batch_ids: set[int]) -> Iterator[int]:
    """ids of the columns that this one was reckoned from; 0 where one was made in another way."""
    ahead = [column]
    while ahead:
        tensor = ahead.pop()
        call = tape.maker(tensor)
        if id(tensor) in batch_ids or (call is not None and call.name == "gather"):
            yield id(tensor)
        elif call is None or call.name not in ARITHMETIC | {"to", "float", "double", "long", "type", "pow", "neg", "exp", "log", "sqrt", "abs", "clamp"}:
            yield 0
        else:
            ahead.extend(one for one in call.given if one.ndim)
            if any(one.ndim and one.shape != tensor.shape for one in call.given):
                yield 0


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
    """Whether what goes into this softmax is a product of two activations, queries and keys, or of one and a query that is learnt."""
    product = _behind(tape, softmax.inputs()[0], PRODUCTS)
    factors = product.inputs()[:2] if product is not None else []
    learnt = [factor for factor in factors if not _is_activation(tape, factor)]
    names = {id(p): name.rpartition(".")[2] for name, p in tape.model.named_parameters()}
    return len(factors) > len(learnt) and all(QUERY.search(names.get(id(factor), "")) for factor in learnt)


def _is_activation(tape: Tape, tensor: Tensor) -> bool:
    origin = tape.origin(tensor)
    return origin is not None or not isinstance(tensor, nn.Parameter)


def _behind(tape: Tape, tensor: Tensor, names: Any) -> Call | None:
    """The call with one of these names that made the tensor, looked for through scaling, masking and dropout."""
    call = tape.maker(tensor)
    while call is not None and call.name not in names and call.name in PASSING:
        call = tape.before(call)
    return call if call is not None and call.name in names else None
