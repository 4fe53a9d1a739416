"""The step that tripped as one file, for `nbdebug.replay` in another kernel."""

from __future__ import annotations

from nbdebug.batch import own_copy
from nbdebug.errors import NbdebugError
from nbdebug.instruments.find_nan.training import LOSS, UPDATE, Stepped, Training
from nbdebug.loading import Delivered
from nbdebug.nonfinite.kept.capsule import write
from nbdebug.nonfinite.kept.fingerprint import Fingerprint
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.origin import Origin


def kept(training: Training, delivered: Delivered, stepped: Stepped, origin: Origin, directory: str) -> tuple[str, str]:
    """The path of the file, or why there is none; the training stands before the step afterwards."""
    setup, parts = training.setup, Parts.of(training.setup)
    try:
        taken = None if stepped.end == LOSS else _fingerprint(training, parts, delivered, stepped)
        path = write(
            directory, parts, training.before, step=origin.step, origin=origin, loss=stepped.loss, precision=setup.precision,
            batch=delivered.batch, indices=delivered.indices, tripped="weights" if stepped.end == UPDATE else stepped.end, fingerprint=taken,
        )  # fmt: skip
    except NbdebugError as error:
        return "", str(error)
    return path, ""


def _fingerprint(training: Training, parts: Parts, delivered: Delivered, stepped: Stepped) -> Fingerprint:
    """Of the step once more, as another kernel will take it."""
    setup = training.setup
    training.before.restore()
    training.clear()
    setup.backward(setup.loss(own_copy(delivered.batch)))
    taken = Fingerprint.of(parts)
    if stepped.end == UPDATE:
        setup.step()
        taken = Fingerprint(taken.gradients, Fingerprint.of(parts).weights)
    training.before.restore()
    return taken
