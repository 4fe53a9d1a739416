"""Healthy: the training loss fell, and validation with it."""

from __future__ import annotations

from nbdebug import curve_shapes
from nbdebug.findings import INFO
from nbdebug.instruments.fit.diagnosing.curves import Curves
from nbdebug.instruments.fit.result import Diagnosis

POINTS = 8  # of the training loss; our choice
NEARLY = 1.1  # times its best value that the validation loss may end at; our choice: below the 1.15 of overfitting
LEARNT = 0.9  # of its first level that the training loss must have come to


def healthy(curves: Curves) -> Diagnosis | None:
    """Nothing is wrong that curves can show; None where too little is seen to say so."""
    training, validation = curves.training, curves.validation
    if len(training) < POINTS or curves.rivals or not curve_shapes.fell(training.values):
        return None
    begin, finish = curve_shapes.begin(training.values), curve_shapes.end(training.values)
    if training.ordered and not curves.rises and finish > LEARNT * begin:
        return None
    sign = -1 if curves.rises else 1
    said = f"{training.name} {'rose' if curves.rises else 'fell'} from {sign * begin:.3g} to {sign * finish:.3g}"
    if len(validation) >= 3:
        level = curve_shapes.smooth(validation.values, 3)
        if not curve_shapes.change(validation.values) < 0 or (validation.ordered and level[-1] > NEARLY * min(level)):
            return None
        said += f", {validation.name} with it, to {curve_shapes.end(validation.values):.3g}"
    return Diagnosis(
        "healthy", "", INFO, training.steps[0], training.steps[-1], 0.0, training.name, said,
        "is it good, too? compare with a baseline: nbdebug.baselines",
    )  # fmt: skip
