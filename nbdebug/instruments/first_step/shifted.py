"""How the targets of a loss lie in the inputs of the model: shifted by one, as of a model that predicts what comes next, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug.batch import TARGET_NAMES, tensors
from nbdebug.listening import Call, ModuleCall, Tape
from nbdebug.loss_call import CLASS_INDEX, REGRESSION, raw_loss_calls

ALIKE = 0.99  # share of the targets that must be found again in the inputs; packed sequences disagree where they meet; our choice
FEWEST = 16  # targets compared
ORDER = (1, -1, 0)  # of the shifts that are looked for; the targets may be an input as well, and a translator may copy its source


@dataclass(frozen=True)
class Alignment:
    """Where the targets come from. Holds tensors: for the time of the experiment only."""

    source: Tensor  # the input
    time: int  # its dimension of time
    shift: int  # target[t] is source[t + shift]
    call: int  # which of the loss calls, counted
    positions: Tensor  # like the predictions without their classes: the position t of each
    valid: Tensor  # of the same shape: whether it counts in the loss
    class_dim: int | None  # of the predictions; None for a regression
    compared: int
    padded: bool  # whether the targets of the first position are one constant


def alignment(tape: Tape, root: ModuleCall) -> Alignment | None:
    """A loss call whose targets are found in an input of the model, one step on if there is such; None where there is none."""
    found = [
        aligned
        for number, call in enumerate(raw_loss_calls(tape))
        for source in _inputs(root)
        if (aligned := (_of_tokens if call.name in CLASS_INDEX else _of_quantities)(source, number, call)) is not None
    ]
    return min(found, key=lambda aligned: ORDER.index(aligned.shift), default=None)


def _inputs(root: ModuleCall) -> Iterator[Tensor]:
    given: tuple[Any, ...] = (*root.args, *(item for name, item in root.kwargs.items() if name not in TARGET_NAMES))
    yield from (tensor.detach() for _, tensor in tensors(given) if tensor.ndim > 1 and tensor.layout == torch.strided)


def _of_tokens(source: Tensor, number: int, call: Call) -> Alignment | None:
    """Token ids (N, T) or (T, N), perhaps with the targets flattened, or one shorter because the model shifts itself."""
    prediction, target = call.argument(0, "input"), call.argument(1, "target").detach()
    tokens = _ids(source)
    if tokens is None or target.is_floating_point() or prediction.ndim < 2:
        return None
    valid = target != call.kwargs.get("ignore_index", -100)
    for time in (1, 0):
        ids = tokens if time == 1 else tokens.T  # (N, T)
        for length in (ids.shape[1], ids.shape[1] - 1):
            if length < 2 or target.numel() != ids.shape[0] * length:
                continue
            for laid in _layouts(target, ids.shape[0], length):
                shift, compared = _shift(ids, laid(target), laid(valid))
                if shift is not None:
                    positions = _positions(target, laid, length)
                    padded = _is_constant(target[valid & (positions == 0)])
                    return Alignment(source, time, shift, number, positions, valid, 1, compared, padded)
    return None


def _ids(source: Tensor) -> Tensor | None:
    """Token ids (N, T), which may come one-hot as (N, T, V)."""
    if source.ndim == 3 and source.shape[-1] > 2 and source.is_floating_point():
        return source.argmax(-1) if bool(((source == 0) | (source == 1)).all()) and bool((source.sum(-1) == 1).all()) else None
    return source if source.ndim == 2 and not source.is_floating_point() and source.dtype != torch.bool else None


def _layouts(target: Tensor, samples: int, length: int) -> Iterator[Any]:
    """Ways to read the targets as (N, T): each a function of a tensor of the target's shape."""
    if target.shape != (length, samples):
        yield lambda t: t.reshape(samples, length)
    if target.shape != (samples, length):
        yield lambda t: t.reshape(length, samples).T


def _positions(target: Tensor, laid: Any, length: int) -> Tensor:
    order = torch.arange(target.numel(), device=target.device).reshape(target.shape)
    positions = torch.empty(target.numel(), dtype=torch.long, device=target.device)
    positions[laid(order).reshape(-1)] = torch.arange(length, device=target.device).repeat(target.numel() // length)
    return positions.reshape(target.shape)


def _of_quantities(source: Tensor, number: int, call: Call) -> Alignment | None:
    """A series in numbers of any layout: the target is as long as the input, and one step ahead in some dimension."""
    if call.name not in REGRESSION or not source.is_floating_point():
        return None
    prediction, target = call.argument(0, "input"), call.argument(1, "target").detach()
    if prediction.shape != target.shape or target.ndim < 2 or not target.is_floating_point():
        return None
    squeezed = [d for d in range(source.ndim) if source.shape[d] > 1]
    times = [d for d in (*range(1, target.ndim), *([0] if target.ndim > 2 else [])) if target.shape[d] > 2]  # (T, N, D) last
    if [source.shape[d] for d in squeezed] != [s for s in target.shape if s > 1]:
        return None
    like = source.reshape(target.shape)
    for time in times:
        shift, compared = _shift(like.movedim(time, 1), target.movedim(time, 1), None)
        if shift == 1:
            place = squeezed[[d for d in range(target.ndim) if target.shape[d] > 1].index(time)]
            shape = [1] * target.ndim
            shape[time] = target.shape[time]
            positions = torch.arange(target.shape[time], device=target.device).reshape(shape).expand(target.shape)
            return Alignment(source, place, 1, number, positions, torch.ones_like(target, dtype=torch.bool), None, compared, False)
    return None


def _is_constant(targets: Tensor) -> bool:
    return len(targets.unique()) < 2


def _shift(source: Tensor, target: Tensor, valid: Tensor | None) -> tuple[int | None, int]:
    """The one shift s of ORDER with target[:, t] == source[:, t + s], and how many targets it rests on."""
    length, longest = target.shape[1], source.shape[1]
    fitting = []
    for shift in ORDER:
        first, last = max(0, -shift), min(length, longest - shift)
        if last - first < 1:
            continue
        same = target[:, first:last] == source[:, first + shift : last + shift]
        counted = valid[:, first:last] if valid is not None else torch.ones_like(same)
        compared = int(counted.sum())
        if compared >= FEWEST and int((same & counted).sum()) >= ALIKE * compared:
            fitting.append((shift, compared))
    return fitting[0] if len(fitting) == 1 else (None, 0)
