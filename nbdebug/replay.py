"""`nbdebug.replay("step-1234.nbd")`: the failing step of another kernel, here, with the same code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace as changed
from typing import Any

from torch import Tensor

from nbdebug.errors import SetupError, StepError, first_line
from nbdebug.instruments.base import demand_setup
from nbdebug.instruments.replay import PASS, replayed
from nbdebug.instruments.report import Report, remember
from nbdebug.nonfinite.kept.capsule import Capsule, read
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.training_state import fitting
from nbdebug.source_lines import users_frame, variables_of
from nbdebug.training_setup import TrainingSetup

AUTOCAST = ("bf16-mixed", "16-mixed")  # tried in this order


def replay(
    path: str | os.PathLike[str] | Capsule, setup: TrainingSetup | None = None, *,
    batch_loss: Callable[[TrainingSetup, Any], Tensor] | None = None,
) -> Report:  # fmt: skip
    """Runs the step of a capsule again, bit for bit where processor and versions agree, and finds where its first NaN is born.

    Your training is borrowed for it: the weights, the optimizer's state, the random states and the batch of the capsule are put in, and
    all is given back. No code is read from the file.

    Args:
        path: the file, such as "step-1234.nbd", or what nbdebug.nonfinite.kept.capsule.read gave.
        setup: the training, made by the same code; None: found among your variables.
        batch_loss: as TrainingSetup.batch_loss, for a step that is not loss_fn(model(inputs), targets).

    Raises:
        CapsuleError: the file is damaged, foreign, or of a newer nbdebug.
        SetupError: the training here is not that of the capsule; what does not fit is named.
    """
    capsule = path if isinstance(path, Capsule) else read(path)
    told = setup is not None or batch_loss is not None  # then it is the user who knows how the loss is made
    if setup is None:
        setup = _found(_variables(), capsule)
    if batch_loss is not None:
        setup = changed(setup, batch_loss=batch_loss)
    if not capsule.state["optimizers"]:  # of a loop that failed before any had made a step
        setup = changed(setup, optimizer=None)
    demand_setup("replay", setup)
    fitting(Parts.of(setup), capsule.state)
    try:
        return _in_its_precision(setup, capsule, () if told else AUTOCAST)
    except (SetupError, StepError) as error:
        if capsule.of == "setup" or told or setup.batch_loss is not None:
            raise
        raise SetupError(
            f"this is a step of a loop of its own, and as loss_fn(model(inputs), targets) it does not run ({first_line(error)}): "
            f"{PASS}.{_loop(capsule)}"
        ) from error


def _in_its_precision(setup: TrainingSetup, capsule: Capsule, others: tuple[str, ...]) -> Report:
    """Whether a loop of the user's own entered autocast is not in the file: the precision in which the bits agree is the one."""
    report = replayed(setup, capsule=capsule)
    if capsule.autocast is None and not report.result.reproduced:
        for precision in others:
            with contextlib.suppress(StepError):  # not every operator knows float16
                other = replayed(changed(setup, precision=precision), capsule=capsule)
                if other.result.reproduced:
                    return other
    return remember(report)


def _found(variables: Mapping[str, Any], capsule: Capsule) -> TrainingSetup:
    from nbdebug.notebook.namespace import discover  # it needs IPython, which importing nbdebug does not

    return discover(variables, precision=capsule.autocast).setup


def _variables() -> dict[str, Any]:
    """What the caller can name."""
    frame = users_frame(sys._getframe(2))
    return {} if frame is None else {**frame.f_globals, **variables_of(frame)}


def _loop(capsule: Capsule) -> str:
    """The loop as text, which is shown and never run."""
    return "".join(f"\n\n{name}, as it was:\n{text.rstrip()}" for name, text in capsule.sources.items())
