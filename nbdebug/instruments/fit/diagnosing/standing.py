"""Underfitting and plateau: the training loss stands, from the beginning on or after a fall."""

from __future__ import annotations

import math

from nbdebug import curve_shapes
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING
from nbdebug.instruments.fit.diagnosing.curves import Curves, Line, written
from nbdebug.instruments.fit.result import Diagnosis

FEWEST = 20  # points of the training loss: what a level against its noise needs
POINTS = 40  # for a plateau, which is half of them
LONG = 300  # steps from which on a loss that stays at chance is said to; our choice: small tasks leave it within 200
NEAR, ABOVE = 0.95, 1.25  # of what a constant prediction gets: the band in which a loss knows nothing else
BARELY = 0.1  # share of the first level by which it may lie above what it stands at, and have stood from the beginning; our choice
UNFINISHED, LEFT = 0.1, 0.9  # of the first level: between them a plateau is worth a word; our choice
FINISHED = 0.1  # of the highest learning rate, below which a curve stands because it is not moved; our choice
LEVEL, HITS = 0.02, 0.15  # relative differences from ln k and from 1/k, up to which predictions are those of k classes at chance; our choice
CLASSES = 1000


def underfitting(curves: Curves) -> Diagnosis | None:
    """Flat from the beginning. A warning only where the level is known to be that of a constant prediction."""
    training = curves.demand(FEWEST, ordered=False)
    values = training.values
    first = curve_shapes.flat_since(values)
    level = curve_shapes.middle(values)
    if first is None or first > len(values) // 10 or not _stood_from_the_beginning(curves, level):
        return None
    if curves.rate_rose(training.steps[len(training) // 2], training.steps[-1]):
        raise NotChecked("because the learning rate was still rising")
    chance = _chance(curves, level)
    if level == 0 or (curves.validation and curve_shapes.fell(curves.validation.values)):
        return None  # without dropout and the like it is better than it looks
    return Diagnosis(
        "underfitting", "ND704", WARNING if chance else INFO, training.steps[0], training.steps[-1], 0.0, training.name,
        f"{training.name} stood at {_value(curves, level)} from the beginning to the end ({curves.span(training)}){chance}",
        "inputs, or model? train on ten fixed samples (nbdebug.overfit): if they are learnt, look at inputs and labels and the learning rate, "
        "if not, at the model and its loss",
        {"level": level, "constant": curves.constant},
    )  # fmt: skip


def plateau(curves: Curves) -> Diagnosis | None:
    """Fell, and has stood for half of the curve. A warning only at the level of a constant prediction."""
    training = curves.demand(POINTS)
    values = training.values
    first = curve_shapes.plateau_since(values)
    if first is None:
        return None
    level, begin = curve_shapes.middle(values[first:]), _first_level(training)
    if not UNFINISHED < level / max(begin, 1e-300) < LEFT or curves.share_of_rate(training.steps[first]) < FINISHED:
        return None
    if _improves(curves.validation, training.steps[first]):
        return None
    chance = _chance(curves, level)
    return Diagnosis(
        "plateau", "ND705", WARNING if chance else INFO, training.steps[first], training.steps[-1], 0.0, training.name,
        f"{training.name} fell from {begin:.3g} to {level:.3g} and stands there since {curves.x} {written(training.steps[first])} "
        f"of {written(training.steps[-1])}{chance}",
        "plateau or noise floor? halve the learning rate for one epoch: if the loss falls at once it was bouncing, if not, this is the floor of "
        "this model on these labels",
        {"level": level, "begin": begin, "constant": curves.constant},
    )  # fmt: skip


def _stood_from_the_beginning(curves: Curves, level: float) -> bool:
    if not curves.training.ordered or curves.rises:
        return True
    return _first_level(curves.training) <= (1 + BARELY) * level


def _first_level(training: Line) -> float:
    return curve_shapes.begin(training.values)


def _chance(curves: Curves, level: float) -> str:
    """Why the level is that of predictions that know nothing of the inputs; "" where that cannot be told."""
    training = curves.training
    long = curves.x != "step" or training.steps[-1] - training.steps[0] >= LONG - 1
    if curves.constant is not None and long and NEAR * curves.constant <= level <= ABOVE * curves.constant:
        return f", and the best constant prediction gets {curves.constant:.3g}: nothing of the inputs is used"
    classes = round(math.exp(level)) if 0.6 < level < math.log(CLASSES) else 0
    accuracy = curves.accuracy
    if not classes or not long or len(accuracy) < curve_shapes.POINTS or abs(level - math.log(classes)) > LEVEL * level:
        return ""
    hits = curve_shapes.end(accuracy.values, 0.5)
    hits = hits / 100 if hits > 1 else hits
    if abs(hits - 1 / classes) > HITS / classes or curve_shapes.rose(accuracy.values):
        return ""
    return f", which is ln {classes}, and {accuracy.name} at {hits:.3g}: the predictions are those of {classes} classes at chance"


def _improves(validation: Line, since: float) -> bool:
    after = [value for step, value in zip(validation.steps, validation.values, strict=True) if step >= since]
    return len(after) >= curve_shapes.RISING and curve_shapes.fell(after)


def _value(curves: Curves, level: float) -> str:
    return f"{-level if curves.rises else level:.4g}"
