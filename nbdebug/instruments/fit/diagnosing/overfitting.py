"""Overfitting: the validation loss rises for long while the training loss still falls."""

from __future__ import annotations

from nbdebug import curve_shapes
from nbdebug.findings import INFO, WARNING
from nbdebug.instruments.fit.diagnosing.curves import Curves, Line, written
from nbdebug.instruments.fit.result import Diagnosis

PATIENCE = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 50)  # that early stopping is usually given
PLANNED = 5  # a run planned to its end has a number of epochs that this divides; one stopped early, one time in five
STOP_POINTS = 200  # more validations than a patience can be read from


def overfitting(curves: Curves) -> Diagnosis | None:
    """Judged as `watch` does; what ended as early stopping ends, or still gains accuracy, is only mentioned."""
    validation, training = curves.demand_validation(curve_shapes.POINTS), curves.demand(3)
    before = [step - 1e-6 * abs(training.steps[1] - training.steps[0]) for step in training.steps]  # an epoch's mean belongs to its end
    parted = curve_shapes.parting(validation.steps, validation.values, before, training.values)
    if parted is None:
        return None
    first = validation.steps[parted.best]
    stopped, gains = _stopped_early(validation), _still_gains(curves, first)
    notes = f"; {stopped}" * bool(stopped) + f"; {gains}" * bool(gains)
    return Diagnosis(
        "overfitting", "ND703", INFO if notes else WARNING, first, validation.steps[-1], 0.0, validation.name,
        f"{validation.name} rose from {parted.lowest:.3g} to {parted.worst:.3g} ({curves.span(validation, parted.best)}) while "
        f"{training.name} fell from {parted.before:.3g} to {parted.after:.3g}{notes}",
        f"too many steps, or too few samples? evaluate the weights of {curves.x} {written(first)}, then train once with half of the "
        "training samples: if validation turns earlier, more data or augmentation helps; if not, a smaller model or weight decay",
        {"best": parted.lowest, "last": parted.worst, "training_before": parted.before, "training_after": parted.after, "since": first},
    )  # fmt: skip


def _stopped_early(validation: Line) -> str:
    """What is said of a run that ended a patience after its best validation, and at no round number."""
    values = validation.values
    patience = len(values) - 1 - min(range(len(values)), key=values.__getitem__)
    if patience not in PATIENCE or len(values) % PLANNED == 0 or len(values) > STOP_POINTS:
        return ""
    return f"it ended {patience} validations after the best, as early stopping does: nothing is lost if the best weights were restored"


def _still_gains(curves: Curves, since: float) -> str:
    """Whether more validation samples are classified right all the same: confidence is what gets worse then."""
    accuracy = curves.validation_accuracy
    after = [value for step, value in zip(accuracy.steps, accuracy.values, strict=True) if step >= since]
    if len(after) < curve_shapes.RISING or not curve_shapes.rose(after):
        return ""
    return f"{accuracy.name} still rose, so it is its confidence that gets worse"
