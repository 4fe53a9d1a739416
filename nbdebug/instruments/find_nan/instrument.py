"""Trains until something is not finite, and finds where that was born."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from nbdebug.counterfactual import in_training_mode
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.find_nan.birth import birth, coarse
from nbdebug.instruments.find_nan.keeping import kept
from nbdebug.instruments.find_nan.loop import EACH_STEP, advance, delivered
from nbdebug.instruments.find_nan.result import FindNan, thinned
from nbdebug.instruments.find_nan.slower import ran_away, spared_by
from nbdebug.instruments.find_nan.training import Stepped, Training
from nbdebug.instruments.find_nan.vanishing import vanishing
from nbdebug.loading import Delivered
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.training_setup import TrainingSetup


@instrument("train_loader", trains=True, title="NaN and Inf", level="numbers", result=FindNan)
def find_nan(setup: TrainingSetup, *, max_steps: int = 100, capsule: str | None = None, passing: int = 0) -> Iterator[FindNan]:
    """Where is the first NaN or Inf born: which step, phase, operator, module and line of yours?

    Trains borrowed weights, with your optimizers, schedulers and scaler, until the loss, a gradient or a weight is not
    finite; then repeats that step operator by operator. Infinities that do no harm, such as masks of -inf, are no
    alarm, and neither is a step that a GradScaler skips.

    Args:
        max_steps: updates after which all is said to be finite; the loader begins again where it ends.
        passing: batches of the loader that are passed over before the first step.
        capsule: a directory for a file of the failing step, which `nbdebug.replay` reads; None: nothing is written.
    """
    demand_at_least(1, max_steps=max_steps)
    in_training_mode(setup)
    training, course = Training(setup), _Course(max_steps, notes=_notes(setup))
    start, last = Snapshot.take(training.models, setup.optimizers, training.scalers), None
    for batch, begins in islice(delivered(setup), passing, None):
        if course.taken == max_steps:
            break
        if begins and course.taken:
            advance(setup, course.losses[-1], epoch=True)
        stepped = training.step(batch.batch)
        course.add(stepped)
        if stepped.end:
            yield from _search(training, batch, stepped, course, start, capsule, passing)
            return
        advance(setup, stepped.loss, epoch=False)
        yield course.result()
        last = batch.batch
    yield replace(course.result(), vanishing=vanishing(training, last) if course.taken else ())


def _search(training: Training, batch: Delivered, stepped: Stepped, course: _Course, start: Snapshot, capsule: str | None, passed: int) -> Iterator[FindNan]:
    """What is known of the birth: at first the end that it was noticed at, then its place, then whether the learning rate did it."""
    step = passed + course.taken - 1
    yield replace(course.result(), origin=coarse(stepped, step), unexplained="the place was not yet found")
    found = replace(course.result(), **vars(birth(training, batch, stepped, step)))
    if capsule is not None:
        path, trouble = kept(training, batch, stepped, found.origin, capsule)
        found = replace(found, capsule=path, notes=(*found.notes, *([trouble] if trouble else [])))
    yield found
    if ran_away(training, found.origin, course.losses) and (part := spared_by(training, start, course.taken)):
        remedy = f"at {part} of the learning rate as many steps are finite"
        yield replace(found, origin=replace(found.origin, cause="learning rate", remedy=remedy))


@dataclass
class _Course:
    """The steps so far."""

    asked: int
    notes: tuple[str, ...] = ()
    losses: list[float] = field(default_factory=list)
    norms: list[float | None] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    harmless: int = 0  # steps in which a gradient was not finite, and no weight took harm
    tripped: bool = False

    @property
    def taken(self) -> int:
        return len(self.losses)

    def add(self, stepped: Stepped) -> None:
        if stepped.skipped:
            self.skipped.append(self.taken)
        self.harmless += stepped.harmless
        self.losses.append(stepped.loss)
        self.norms.append(stepped.norm)
        self.tripped = bool(stepped.end)

    def result(self) -> FindNan:
        losses, every = thinned(self.losses)
        cleaned = f"in {self.harmless} of the steps a gradient was not finite and the optimizer took no harm by it"
        return FindNan(
            self.taken - self.tripped, self.asked, None, losses, thinned(self.norms)[0], tuple(self.skipped),
            every=every, notes=(*self.notes, *([cleaned] if self.harmless else [])),
        )  # fmt: skip


def _notes(setup: TrainingSetup) -> tuple[str, ...]:
    said = []
    if not setup.optimizers:
        said.append("no optimizer was given, so the weights stayed as they are")
    for scheduler in setup.schedulers:
        name = type(scheduler).__name__
        said.append(f"{name} stepped after every {'step' if name in EACH_STEP else 'pass over the loader'}")
    return tuple(said)
