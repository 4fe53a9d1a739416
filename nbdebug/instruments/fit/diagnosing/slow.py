"""Too slow: the loss falls steadily, nearly in a straight line, and has come but a small part of its way."""

from __future__ import annotations

from nbdebug import curve_shapes
from nbdebug.findings import INFO, WARNING
from nbdebug.instruments.fit.diagnosing.curves import Curves, Line, written
from nbdebug.instruments.fit.result import Diagnosis

POINTS = 40  # of the training loss; our choice: thirds of fewer do not tell a line from the beginning of a curve
PIECES = 20  # whose medians must fall one after the other
STEADY = -0.9  # Kendall's tau of those medians; −1 is a fall in every one
STRAIGHT = (0.75, 1.35)  # what the second half lost, over what the first one did; our choice: an exponential that is half done has 0.7
PART = (0.01, 0.2)  # of the first level that it lost: above it there is progress, below nothing to speak of; our choice
WHOLE = 0.02  # share of its last step at which a run must begin: later, it is the end of a longer one


def too_slow(curves: Curves) -> Diagnosis | None:
    training = curves.demand(POINTS)
    halves = _fall(training)
    if halves is None and _is_hidden(curves):
        training, halves = curves.validation, _fall(curves.validation)
    if halves is None or _is_scheduled(curves):
        return None
    begin, finish = curve_shapes.middle(training.values[: PIECES // 4]), curve_shapes.middle(training.values[-PIECES // 4 :])
    resumed = training.steps[0] > WHOLE * training.steps[-1] and training.steps[0] > 1
    follows = not curves.validation or len(curves.validation) < 3 or curve_shapes.change(curves.validation.values) < 0
    part = (begin - finish) / begin
    times = 0.5 / part
    return Diagnosis(
        "too slow", "ND714", WARNING if follows and not resumed else INFO, training.steps[0], training.steps[-1], 0.0, training.name,
        f"{training.name} fell steadily and in nearly a straight line, from {begin:.4g} to {finish:.4g} only ({100 * part:.2g} %, "
        f"{curves.span(training)}): at this pace it is halved after {times:.2g} times as many steps"
        + ("; the log begins late, so this may be the end of a long training" if resumed else "")
        + ("" if follows else f"; {curves.validation.name} does not fall with it"),
        "too small a learning rate, or gradients that do not arrive? ten times the learning rate for as many steps: if the loss falls ten times as fast "
        f"it was the rate (nbdebug.lr_find), if not, look at the gradients (nbdebug.gradients) from {curves.x} {written(training.steps[0])} on",
        {"from": begin, "to": finish, "second_half_over_first": halves, "steps_times": times},
    )  # fmt: skip


def _fall(training: Line) -> float | None:
    """What the second half lost over what the first one did, of a steady fall by a small part; None of any other curve."""
    values = training.values
    each = len(values) / PIECES
    levels = [curve_shapes.middle(values[round(i * each) : round((i + 1) * each)]) for i in range(PIECES)]
    third = PIECES // 5
    begin, half, finish = levels[0], curve_shapes.middle(levels[PIECES // 2 - third // 2 : PIECES // 2 + third // 2]), levels[-1]
    if curve_shapes.agreement(levels) > STEADY or begin <= 0 or not PART[0] <= (begin - finish) / begin <= PART[1]:
        return None
    if not curve_shapes.fell(values) or half >= begin:
        return None
    ratio = (half - finish) / (begin - half)
    return ratio if STRAIGHT[0] <= ratio <= STRAIGHT[1] else None


def _is_hidden(curves: Curves) -> bool:
    """Whether the batches' noise may hide the line of the training loss, which validation on always the same samples shows."""
    validation, training = curves.validation, curves.training
    if len(validation) < POINTS or not validation.ordered or curve_shapes.change(training.values) >= 0:
        return False
    lost = curve_shapes.change(validation.values)
    return abs(curve_shapes.change(training.values) - lost) < curve_shapes.SURE * curve_shapes.error(training.values, len(training) // 3)


def _is_scheduled(curves: Curves) -> bool:
    """Whether the learning rate rose for a part of the run that counts, or was taken down: its pace is then the schedule's."""
    rates = curves.rate.values
    return bool(rates) and (min(rates) < 0.5 * max(rates))
