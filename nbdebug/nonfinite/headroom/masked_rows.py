"""Attention rows whose every key is masked with a large finite number, and whether the loss depends on them.

With -inf such a row is NaN. With -1e9 it is finite: the mask takes the same from every key, so that the softmax spreads over all that it
was meant to hide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nbdebug.findings import Location
from nbdebug.listening import Call, Tape

INSTALLED = re.compile(r"[\\/](?:site|dist)-packages[\\/]")
HIDDEN = -5e3  # scores below were masked; our choice: masks are -1e4, -1e9 or finfo.min, and scores of hundreds are rare
FELT = 1e-6  # gradient of a masked row over that of the others from which it is used; our choice, rounding stays below
PASSING = frozenset("softmax dropout div div_ mul mul_ float to half bfloat16 type contiguous view reshape clone".split())
MASKING = frozenset("masked_fill masked_fill_ where add add_ sub sub_ mul __setitem__ masked_scatter baddbmm".split())


@dataclass(frozen=True)
class MaskedRows:
    """One softmax with rows that have nothing to look at."""

    location: Location
    rows: int  # of all samples and heads
    masked: int  # of these, with every key masked
    used: int  # of these, with a gradient: what they give reaches the loss
    keys: int  # in each row
    score: float  # the largest score in a masked row
    own: bool  # whether the line is the user's, and not one of an installed package


@dataclass(frozen=True)
class _Candidate:
    call: Call
    output: Tensor  # (..., rows, anything)
    hidden: Tensor  # (..., rows) bool
    keys: int
    score: float


def masked_rows(tape: Tape, loss: Tensor) -> tuple[MaskedRows, ...]:
    """The softmaxes of a step with fully masked rows; the graph of the loss is kept."""
    found = [c for call in tape.calls for c in _candidates(tape, call) if bool(c.hidden.any()) and c.output.requires_grad]
    if not found or not loss.requires_grad:
        return ()
    given = torch.autograd.grad(loss, [c.output for c in found], retain_graph=True, allow_unused=True)
    return tuple(_judged(c, gradient) for c, gradient in zip(found, given, strict=True))


def _candidates(tape: Tape, call: Call) -> Iterator[_Candidate]:
    if call.name == "softmax" and call.given:
        yield from _softmax(tape, call)
    elif call.name == "scaled_dot_product_attention":
        mask = call.argument(3, "attn_mask")
        if _is_finite_mask(mask):
            yield from _fused(call, call.outputs()[0], mask)
    elif call.name == "multi_head_attention_forward":
        mask = _of_multi_head(call)
        if mask is not None and call.outputs() and call.outputs()[0].ndim == 3:
            yield from _fused(call, call.outputs()[0].transpose(0, 1), mask, call.outputs()[0])


def _softmax(tape: Tape, call: Call) -> Iterator[_Candidate]:
    scores, dim = call.given[0].detach(), call.argument(1, "dim")
    if not isinstance(dim, int) or scores.layout != torch.strided or not scores.is_floating_point() or scores.ndim < 2 or scores.shape[dim] < 2 or not scores.numel():
        return
    peaks = scores.amax(dim)
    hidden = (peaks <= HIDDEN) & peaks.isfinite()
    if bool(hidden.any()) and _is_masked(tape, call):
        output = call.outputs()[0]
        yield _Candidate(call, output, hidden.unsqueeze(dim), scores.shape[dim], float(peaks[hidden].max()))


def _is_masked(tape: Tape, call: Call) -> bool:
    """Whether a mask had a part in these scores."""
    before = tape.before(call)
    while before is not None and before.name in PASSING and before.name not in MASKING:
        before = tape.before(before)
    return before is not None and before.name in MASKING


def _is_finite_mask(mask: object) -> bool:
    return isinstance(mask, Tensor) and mask.is_floating_point() and mask.numel() > 0 and mask.ndim >= 2


def _fused(call: Call, output: Tensor, mask: Tensor, held: Tensor | None = None) -> Iterator[_Candidate]:
    peaks = mask.detach().amax(-1)
    hidden = (peaks <= HIDDEN) & peaks.isfinite()
    if mask.shape[-1] < 2 or not bool(hidden.any()):
        return
    try:
        spread = hidden.broadcast_to(output.shape[:-1]).unsqueeze(-1)
    except RuntimeError:  # the heads are folded into the batch
        return
    if held is not None:
        spread = spread.transpose(0, 1)
    yield _Candidate(call, output if held is None else held, spread, mask.shape[-1], float(peaks[hidden].max()))


def _of_multi_head(call: Call) -> Tensor | None:
    """The masks of nn.MultiheadAttention added up, (N or 1, L, S); None unless one of them is of finite numbers."""
    padding, mask = call.kwargs.get("key_padding_mask"), call.kwargs.get("attn_mask")
    several = []
    if isinstance(padding, Tensor) and padding.ndim == 2:
        several.append(_additive(padding)[:, None, :])
    if isinstance(mask, Tensor) and mask.ndim == 2:
        several.append(_additive(mask)[None])
    if not several:
        return None
    total = several[0] if len(several) == 1 else several[0] + several[1]
    queries = call.given[0].shape[0]
    return total.expand(-1, queries, -1)


def _additive(mask: Tensor) -> Tensor:
    return mask.detach() if mask.is_floating_point() else torch.zeros(mask.shape, device=mask.device).masked_fill(mask, -math.inf)


def _judged(candidate: _Candidate, gradient: Tensor | None) -> MaskedRows:
    hidden = candidate.hidden
    rows, masked, used = hidden.numel(), int(hidden.sum()), 0
    if gradient is not None:
        each = gradient.detach().double().nan_to_num(0.0).abs().sum(_summed(candidate, gradient), keepdim=True)
        usual = float(each.max())
        used = int(((each > FELT * usual) & hidden).sum()) if usual > 0 else 0
    line = candidate.call.line
    own = line is None or not INSTALLED.search(line.file)
    return MaskedRows(candidate.call.location, rows, masked, used, candidate.keys, candidate.score, own)


def _summed(candidate: _Candidate, gradient: Tensor) -> int:
    """The dimension over which a row lies: the one that the mask of rows has once."""
    return next((d for d in range(gradient.ndim - 1, -1, -1) if candidate.hidden.shape[d] == 1 and gradient.shape[d] > 1), -1)
