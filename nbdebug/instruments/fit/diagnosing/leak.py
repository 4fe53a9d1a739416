"""Leak suspected: validation is better than training, by more than averaging, dropout and augmentation explain."""

from __future__ import annotations

from nbdebug import curve_shapes
from nbdebug.findings import INFO, WARNING
from nbdebug.instruments.fit.diagnosing.curves import Curves, Line
from nbdebug.instruments.fit.result import Diagnosis

POINTS = 5  # of the validation loss
BELOW = 0.9  # of the training loss at that time, that validation must stay below to be mentioned; our choice
MOSTLY = 0.8  # share of the validations in which it is
HALF = 0.5  # of a training loss that was computed in eval mode: an easier split is no half; our choice
NEAR_ZERO = 0.1  # of the training loss; our choice: mixup with label smoothing was seen at 0.15 of a training loss that had halved
STOOD = 0.9  # of its first level that the training loss still has, so that training learnt next to nothing; our choice
ALIKE = 0.4  # of the training loss that the first validation must have, for the two to be of one scale; our choice


def leak(curves: Curves) -> Diagnosis | None:
    """What a leak would look like. Most often it is dropout, augmentation, smoothed labels, or a mean over an epoch in which much was learnt."""
    validation, training = curves.demand_validation(POINTS), curves.demand(POINTS)
    evaluated = curves.evaluated or (training if curves.same_mode else Line())
    beside = evaluated or training
    then = _levels(beside, validation)
    late = range(len(validation) // 3, len(validation))  # early means over an epoch are high for what was learnt in it
    below = [validation.values[i] < BELOW * then[i] for i in late]
    if sum(below) < MOSTLY * len(below):
        return None
    ends = curve_shapes.end(validation.values), curve_shapes.end(beside.values)
    why = _not_averaging(ends, beside, validation, then, bool(evaluated))
    return Diagnosis(
        "leak suspected", "ND713", WARNING if why else INFO, validation.steps[late[0]], validation.steps[-1], 0.0, validation.name,
        f"{validation.name} ends at {ends[0]:.3g} and {beside.name} at {ends[1]:.3g}: validation is better at {sum(below)} of {len(below)} points"
        + (f"; {why}" if why else "; dropout, augmentation, smoothed labels or a mean over the epoch would do that"),
        "regularisation, or a leak? evaluate the training samples in eval mode and without augmentation, as the validation samples are: if the two losses "
        "meet it was the mode, if validation stays better look for copies and for how the split was made (nbdebug.data_audit)",
        {"validation": ends[0], "training": ends[1], "points": sum(below)},
    )  # fmt: skip


def _not_averaging(ends: tuple[float, float], beside: Line, validation: Line, then: list[float], evaluated: bool) -> str:
    """Why neither averaging nor regularisation explains it; "" where they may."""
    if evaluated and ends[0] < HALF * ends[1]:
        return "both were computed in eval mode, so that neither dropout nor a mean over the epoch explains it"
    begin = curve_shapes.begin(beside.values)
    stood = ends[1] >= STOOD * begin and not curve_shapes.fell(beside.values[len(beside) // 3 :])
    of_one_scale = validation.values[0] >= ALIKE * then[0]
    if stood and of_one_scale and ends[0] < NEAR_ZERO * ends[1]:
        return f"training learnt next to nothing ({begin:.3g} to {ends[1]:.3g}), so that what it learnt cannot explain validation near zero"
    return ""


def _levels(line: Line, validation: Line) -> list[float]:
    """Of a curve, about the time of each validation."""
    return [_at(line, step) for step in validation.steps]


def _at(line: Line, step: float) -> float:
    before = [value for s, value in zip(line.steps, line.values, strict=True) if s <= step]
    width = 1 if len(line) < 50 else 5
    return curve_shapes.middle(before[-width:] or line.values[:1])
