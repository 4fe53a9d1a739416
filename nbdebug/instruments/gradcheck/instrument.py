"""Numeric against analytic gradient of the real loss on a real batch, for every parameter; then who is to blame."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from nbdebug import batch as batches
from nbdebug import loading
from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import NbdebugError, SetupError
from nbdebug.instruments.base import Instrument, instrument
from nbdebug.instruments.gradcheck import blame
from nbdebug.instruments.gradcheck.functions import taking_part, user_functions
from nbdebug.instruments.gradcheck.held import Record
from nbdebug.instruments.gradcheck.panels import MOST_CURVES
from nbdebug.instruments.gradcheck.repeated import where_it_differs
from nbdebug.instruments.gradcheck.result import WRONG, GradCheck, GradientRow
from nbdebug.instruments.gradcheck.rows import Rows
from nbdebug.instruments.gradcheck.saved import Saved
from nbdebug.instruments.gradcheck.trial import Point, Trial
from nbdebug.training_setup import TrainingSetup

SAMPLES = 8  # of a batch; a gradient that is wrong is wrong for few samples too, and the cost is theirs
NOISE = 64.0  # roundings by which two passes may differ where sums are taken in any order, as on a GPU; our choice
MOST_LOCATED = 2  # parameters whose worst element is looked for
NO_FUNCTION = "no autograd Function of yours takes part in the step; `%nbdebug gradcheck` measures every gradient"


class GradientCheck(Instrument):
    """Of a checkup it looks at what is written by hand."""

    briefly = {"functions_only": True}


@instrument("train_loader", trains=True, title="gradcheck", level="numbers", result=GradCheck, made=GradientCheck)
def gradcheck(setup: TrainingSetup, *, samples: int | None = SAMPLES, functions_only: bool = False) -> Iterator[GradCheck]:
    """Is the gradient right? Numeric against analytic, for every parameter of the real loss.

    In double precision, dropout and batch statistics held fixed, what backward takes for a constant (`detach`, `no_grad`)
    held too. What is wrong is followed to the Function, the hook or the write that did it. The cost is a few forward
    passes a parameter, whatever its size.

    Args:
        samples: how many of a batch are used; None: all of them.
        functions_only: look only at the autograd Functions of yours that take part, each on its own; a matter of milliseconds. All is
            looked at where the forward writes over what it had saved for its backward.
    """
    if samples is not None and samples < 1:
        raise SetupError(f"samples must be at least 1, got {samples}")
    in_training_mode(setup)
    batch = loading.first_batch(setup.train_loader)
    if functions_only:
        loss, is_written_over = _step(setup, batch)
        functions_only = not is_written_over
        if functions_only and not (user_functions() and taking_part(loss)):
            yield GradCheck(not_checked=NO_FUNCTION)
            return
    trial, point, found = _started(setup, batch, samples)
    yield found
    if trial is None or point is None:
        return
    rows = Rows(trial, point)
    found = replace(found, functions=blame.functions(trial, point), planned=len(trial.leaves))
    yield found
    if functions_only:
        return
    for judged in rows.judge_all():
        found = replace(found, rows=(*found.rows, *judged), evaluations=rows.evaluations)
        yield found
    if any(row.verdict == WRONG for row in found.rows):
        found = blame.explained(found, trial, rows)
        yield found
        found = replace(found, rows=_located(found.rows, rows))
        yield found
    yield replace(found, rows=_drawn(found.rows, rows), evaluations=rows.evaluations)


def _step(setup: TrainingSetup, batch: Any) -> tuple[Tensor, bool]:
    """The loss, and whether something that its graph had saved was written to since; running statistics are."""
    with Saved() as saved:
        loss = setup.loss(batch)
    saved.look(Record(), apart_from=[*setup.model.buffers()])
    return loss, bool(saved.damages)


def _started(setup: TrainingSetup, batch: Any, samples: int | None) -> tuple[Trial | None, Point | None, GradCheck]:
    """The trial in the best precision and with the fewest samples that the training allows."""
    reasons = []
    size = batches.batch_size(batch)
    for wide in (True, False):
        for part, used in _parts(batch, size, samples):
            trial, point, reason = _tried(setup, part, wide)
            if reason or trial is None or point is None:
                reasons.append(reason)
                continue
            found = GradCheck(point.loss, used, size, double=wide, precision_note="" if wide else reasons[0])
            differs = _differs(trial, point)
            return (None, None, replace(found, not_checked=differs)) if differs else (trial, point, found)
    return None, None, GradCheck(not_checked=reasons[-1])


def _tried(setup: TrainingSetup, part: Any, wide: bool) -> tuple[Trial | None, Point | None, str]:
    """A trial with its first point, or the reason why there is none; then everything has its own precision again."""
    trial = point = None
    try:
        trial = Trial(setup, part, wide=wide)
        point = trial.point()
        reason = "the loss has no graph" if point.root is None else "" if math.isfinite(point.loss) else f"the loss is {point.loss} here"
    except (NbdebugError, RuntimeError, TypeError, NotImplementedError) as error:
        reason = str(error)
    if reason and trial is not None:
        trial.narrow_again()
    return trial, point, reason


def _parts(batch: Any, size: int | None, samples: int | None) -> Iterator[tuple[Any, int | None]]:
    """The first few samples, then all of them."""
    if samples is not None and size is not None and size > samples:
        with contextlib.suppress(NbdebugError, RuntimeError, IndexError):  # one that cannot be taken apart is used whole
            yield batches.take(batch, list(range(samples))), samples
    yield batch, size


def _differs(trial: Trial, point: Point) -> str:
    """Why two passes with the same weights and the same seeds do not give the same loss; empty when they do."""
    if not trial.leaves:
        return "no parameter wants a gradient"
    fresh, again = trial.point(), trial.loss(point, {})
    allowed = NOISE * trial.epsilon * max(abs(point.loss), 1.0)
    if abs(fresh.loss - point.loss) > allowed:
        return (
            f"two passes with the same weights and the same seeds give {point.loss:.6g} and {fresh.loss:.6g}{where_it_differs(trial)}: "
            "draw from torch, numpy or random, or from a generator that the model holds"
        )
    if not abs(again - point.loss) <= allowed:
        return f"with what backward takes for constants held, the loss is {again:.6g} and not {point.loss:.6g}: it goes another way each time"
    return ""


def _located(found: tuple[GradientRow, ...], rows: Rows) -> tuple[GradientRow, ...]:
    """What a Function explains is located in there; of the others those nearest to the loss."""
    chosen = [row.name for row in found if row.verdict == WRONG and not row.reason][-MOST_LOCATED:]
    return tuple(rows.worst_element(row) if row.name in chosen else row for row in found)


def _drawn(found: tuple[GradientRow, ...], rows: Rows) -> tuple[GradientRow, ...]:
    """The worst few with remainders at every step."""
    measured = [row for row in found if row.error is not None and row.steps]
    worst = sorted(measured, key=lambda row: (row.verdict != WRONG, -(row.error or 0.0)))[:MOST_CURVES]
    names = {row.name for row in worst}
    return tuple(rows.taylor(row) if row.name in names else row for row in found)


