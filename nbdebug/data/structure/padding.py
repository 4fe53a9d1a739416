"""Does padding take part in the loss?

The loss itself is asked: a position counts when the loss would fall if the model predicted the padding there. `ignore_index`, masks and
weights make that slope 0, and what a regulariser does to all predictions does not point to the padding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy
import torch
from torch import Tensor

from nbdebug.batch import TARGET_NAMES
from nbdebug.data.chunk import TARGET, Field
from nbdebug.data.gathering.sequences import SequenceFacts
from nbdebug.data.split import Split
from nbdebug.data.structure.first_step import FirstStep, same_numbers
from nbdebug.findings import Location
from nbdebug.loss_call import raw_loss_calls
from nbdebug.source_lines import is_of_library

TOWARDS = 0.5  # of the padded positions must pull towards the padding; where the model is sure of it already the slope is 0
FEWEST = 2  # padded positions in the batch
MASK = re.compile(r"mask|observed|valid|known|rated|present", re.I)
NEARLY_ALL = 0.9  # of the rows have another value than that of the padding in their last place
COMPARED, VARIED = ("ne", "eq", "gt", "ge", "lt", "le", "__ne__", "__eq__", "__gt__", "__ge__", "__lt__", "__le__", "not_equal", "isfinite", "isnan"), 3  # different targets: of two one is no filling


@dataclass(frozen=True)
class ScoredPadding:
    """Padding in the targets, and what the loss makes of it."""

    field: str  # of the targets
    value: float  # the padding in it
    told_by: str  # the field that shows where the padding is: "inputs", "attention_mask"
    positions: int  # padded ones in the first batch
    of: int
    share: float  # of the slope of the loss that comes from them, 0..1; 0.0: they do not count
    elsewhere: bool  # the same value occurs among the real targets, too
    sure: bool  # a mask, lengths, or tokens tell the padding; False: nothing but zeros does
    location: Location  # of the loss

    @property
    def scored(self) -> bool:
        """Whether the loss counts them."""
        return self.share > 0


def scored_padding(split: Split, step: FirstStep) -> tuple[ScoredPadding, ...]:
    """One for each target field that has padding."""
    if step.loss is None or not step.loss.requires_grad:
        return ()
    found = []
    for target in step.fields:
        if isinstance(target.values, numpy.ndarray) and target.values.ndim >= 2 and target.values.dtype.kind in "iuf" and _is_target(step, target):
            told_by = [*_scattered(step.fields, target), *_agreed(list(paddings(split, step.fields, target))), *_forgotten(step, target)]
            found += [scored for scored in (_scored(step, target, *told) for told in told_by) if scored is not None][:1]
    return tuple(found)


def _agreed(told: list[tuple[str, numpy.ndarray, bool]]) -> list[tuple[str, numpy.ndarray, bool]]:
    """With those sure of which two fields say the same."""
    return [(name, padded, sure or sum(numpy.array_equal(padded, other) for _, other, _ in told) > 1) for name, padded, sure in told]


def _is_target(step: FirstStep, field: Field) -> bool:
    """By its part or its name; or as tokens of the inputs, all of them or those but for the first, that a loss is given for its targets."""
    if field.role == TARGET or field.name in TARGET_NAMES:
        return True
    if field.values.ndim != 2 or field.values.dtype.kind not in "iuf":
        return False
    if field.values.dtype.kind == "f":
        return any(same_numbers(call.argument(1, "target").detach().cpu().numpy(), field.values) for call in raw_loss_calls(step.tape))
    given = [call.argument(1, "target").detach().cpu().numpy() for call in raw_loss_calls(step.tape)]
    return any(same_numbers(one, field.values[:, first:]) for one in given for first in (0, 1))


def paddings(split: Split, fields: tuple[Field, ...], target: Field) -> Iterator[tuple[str, numpy.ndarray, bool]]:
    """Who tells of padding, where it is (N, T), and whether that is sure; masks and lengths first."""
    shape = target.values.shape[:2]
    others = [f for f in fields if isinstance(f.values, numpy.ndarray) and f is not target]
    for field in others:
        given = field.values[..., 0] if field.values.ndim == 3 and field.values.shape[2] == 1 else field.values
        if given.shape == shape and "mask" in field.name.lower() and set(numpy.unique(given)) <= {0, 1}:
            inverse = "padding" in field.name.lower() or "pad_mask" in field.name.lower()
            yield from _where(field.name, (given == 1) if inverse else (given == 0), True)
    for field in others:
        if field.values.shape == shape[:1] and field.values.dtype.kind in "iu" and "len" in field.name.lower() and field.values.max(initial=0) <= shape[1]:
            yield from _where(field.name, numpy.arange(shape[1]) >= field.values[:, None], True)
    for field in others:
        if field.values.shape == shape[:1] and field.values.dtype.kind in "iu" and counts_places(field.values, target.values):
            yield from _where(field.name, numpy.arange(shape[1]) >= field.values[:, None], True)
    for field in others:
        known = split.named(field.name)
        facts = known.facts if known is not None else None
        if field.values.shape == shape and isinstance(facts, SequenceFacts) and facts.padding is not None:
            yield from _where(field.name, ends(field.values == facts.padding, facts.side), True)
    yield from _own_ends(split, target)
    for field in others:
        if field.values.shape[:2] == shape and field.values.ndim == 3 and field.values.shape[2] > 1 and field.values.dtype.kind == "f" and field.role != TARGET:
            nothing = (field.values == 0).all(2)
            tail = ends(nothing, "right")
            if (tail == nothing).all():
                yield from _where(field.name, tail, False)


def counts_places(lengths: numpy.ndarray, rows: numpy.ndarray) -> bool:
    """Whether (N,) whole numbers say, whatever they are called, after which place each of (N, T, …) rows is filled up with one value."""
    if not (lengths.min() >= 0 and lengths.max() <= rows.shape[1] and lengths.min() < lengths.max()):
        return False
    after = numpy.arange(rows.shape[1]) >= lengths[:, None]
    fill = rows[after].reshape(-1)
    last = [row[length - 1] for row, length in zip(rows, lengths.tolist(), strict=True) if length]
    return bool((fill == fill[0]).all()) and sum(bool((entry != fill[0]).any()) for entry in last) >= NEARLY_ALL * len(last) > 0


def _scattered(fields: tuple[Field, ...], target: Field) -> Iterator[tuple[str, numpy.ndarray, bool]]:
    """A mask of the batch that says which targets are known, anywhere in a row; the others are filled with one value."""
    for field in fields:
        given = field.values
        if field is target or not isinstance(given, numpy.ndarray) or given.ndim != 2 or given.shape != target.values.shape:
            continue
        if (given.dtype.kind == "b" or MASK.search(field.name)) and set(numpy.unique(given).tolist()) == {0, 1} and target.values.dtype.kind == "f":
            missing = given == 0
            if len(numpy.unique(target.values[missing])) == 1 and len(numpy.unique(target.values[~missing])) >= VARIED:
                yield field.name, missing, True


def _forgotten(step: FirstStep, target: Field) -> Iterator[tuple[str, numpy.ndarray, bool]]:
    """A mask that the step makes of the targets, by comparing them with the value that fills them, and then does nothing with."""
    used = {parent for call in step.tape.calls for parent in call.parents}
    for call in step.tape.calls:
        if call.name not in COMPARED or call.in_model or call.index in used or not isinstance(call.output, Tensor) or call.output.dtype is not torch.bool:
            continue
        compared, said = call.given[0].detach().cpu().numpy() if call.given else None, call.output.cpu().numpy()
        if compared is None or said.shape != target.values.shape or said.ndim != 2 or not same_numbers(compared, target.values):
            continue
        sides = [side for side in (said, ~said) if side.any() and len(numpy.unique(target.values[side])) == 1]
        if len(sides) == 1 and len(numpy.unique(target.values[~sides[0]])) >= VARIED:
            yield "a mask that is made and not used", sides[0], True


def _own_ends(split: Split, target: Field) -> Iterator[tuple[str, numpy.ndarray, bool]]:
    """Of targets that are tokens themselves: one token fills their ends, and stands nowhere else."""
    known = split.named(target.name)
    facts = known.facts if known is not None else None
    if isinstance(facts, SequenceFacts) and facts.padding is not None and target.values.ndim == 2:
        filled = target.values == facts.padding
        if (ends(filled, facts.side) == filled).all():
            yield from _where("its own ends", filled, True)


def ends(is_padding: numpy.ndarray, side: str) -> numpy.ndarray:
    """(N, T) the run that fills the right or left end of every row."""
    flipped = is_padding[:, ::-1] if side == "right" else is_padding
    run = numpy.logical_and.accumulate(flipped, axis=1)
    return numpy.ascontiguousarray(run[:, ::-1]) if side == "right" else run


def _where(name: str, padded: numpy.ndarray, sure: bool) -> Iterator[tuple[str, numpy.ndarray, bool]]:
    """Only what fills ends, and different rows by different lengths."""
    at_ends = (ends(padded, "right") | ends(padded, "left")) == padded
    lengths = padded.sum(1)
    if at_ends.all() and lengths.sum() >= FEWEST and lengths.min() < padded.shape[1] and len(numpy.unique(lengths)) > 1:
        yield name, padded, sure


def _scored(step: FirstStep, target: Field, told_by: str, padded: numpy.ndarray, sure: bool) -> ScoredPadding | None:
    fill = target.values[padded]
    value = float(fill.reshape(-1)[0])
    real = target.values[~padded]
    if not (fill == value).all() or not real.size or (real == real.reshape(-1)[0]).all():
        return None
    share = 0.0
    for first in (0, 1):  # a decoder gets the targets but for the last, and is scored on those but for the first
        scored = replace(target, values=target.values[:, first:])
        slopes = ((p, torch.autograd.grad(step.loss, p, retain_graph=True, allow_unused=True)[0]) for p in _predictions(step, scored))
        heard = next(((predicted, slope) for predicted, slope in slopes if slope is not None), None)
        if heard is not None:
            share = _share(heard[0].detach(), heard[1], torch.from_numpy(padded[:, first:]), scored, value)
            break
    whole = target.values.dtype.kind in "iu"
    return ScoredPadding(target.name, int(value) if whole else value, told_by, int(padded.sum()), padded.size, share, bool((real == value).any()), sure, _loss_at(step, target))


def _predictions(step: FirstStep, target: Field) -> Iterator[Tensor]:
    """The tensors that have a place for every target, those that a torch loss compares with it first."""
    calls = [c for c in raw_loss_calls(step.tape) if same_numbers(c.argument(1, "target").detach().cpu().numpy(), target.values)]
    for tensor in [*(call.argument(0, "input") for call in calls), *step.outputs()]:
        if isinstance(tensor, Tensor) and tensor.requires_grad and _by_position(tensor, target) is not None:
            yield tensor


def _by_position(tensor: Tensor, target: Field) -> Tensor | None:
    """(N, T, C) of predictions that lie as (N, T, C), (N, C, T), (N·T, C), (N, T) or (N·T,)."""
    shape = target.values.shape
    rows, steps = shape[:2]
    if len(shape) > 2 or target.values.dtype.kind == "f":
        return tensor.reshape(rows, steps, -1) if tuple(tensor.shape) == shape or tensor.numel() == target.values.size else None
    if tensor.ndim == 3 and tensor.shape[:2] == (rows, steps):
        return tensor
    if tensor.ndim == 3 and tensor.shape[0] == rows and tensor.shape[2] == steps:
        return tensor.transpose(1, 2)
    if tensor.ndim == 2 and tensor.shape == (rows, steps):
        return tensor[:, :, None]
    if tensor.ndim in (1, 2) and tensor.shape[0] == rows * steps:
        return tensor.reshape(rows, steps, -1)
    return None


def _share(predicted: Tensor, slope: Tensor, padded: Tensor, target: Field, value: float) -> float:
    """How much of the slope lies at the padding, if it pulls towards it; else 0."""
    slopes, values = (_by_position(tensor, target).double().cpu() for tensor in (slope, predicted))  # (N, T, C)
    at = slopes[padded]  # (P, C)
    if target.values.dtype.kind == "f" or at.shape[1] == 1:
        logits = target.values.dtype.kind != "f" or _is_binary(target)
        distance = (values[padded].sigmoid() if logits and float(values.min()) < 0 else values[padded]) - value
        towards = (at * distance > 0).double().mean()
    elif 0 <= value < at.shape[1]:
        towards = (at[:, int(value)] < 0).double().mean()
    else:
        return 0.0
    total = float(slopes.abs().sum())
    return float(at.abs().sum()) / total if float(towards) >= TOWARDS and total > 0 else 0.0


def _is_binary(target: Field) -> bool:
    return set(numpy.unique(target.values)) <= {0.0, 1.0}


def _loss_at(step: FirstStep, target: Field) -> Location:
    calls = raw_loss_calls(step.tape)
    mine = [c for c in calls if c.argument(1, "target").numel() == target.values.size] or calls
    made = mine[0] if mine else step.tape.origin(step.loss)  # written by hand: where it is reduced to one number
    if made is None:
        return Location()
    return Location(operator=made.location.operator) if is_of_library(made.location.file) else made.location  # a loss within the model: the targets come from the loader
