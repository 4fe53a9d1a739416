"""The step of one rank once more, without the others: where its first NaN is born, and the capsule of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbdebug.batch import own_copy
from nbdebug.errors import NbdebugError, first_line
from nbdebug.findings import Finding
from nbdebug.instruments.base import JUDGED, ranked
from nbdebug.instruments.find_nan.birth import Birth, birth, coarse
from nbdebug.instruments.find_nan.result import FindNan
from nbdebug.instruments.find_nan.training import GRADIENTS, LOSS, UPDATE, Stepped, Training
from nbdebug.instruments.find_nan.wording import headline
from nbdebug.instruments.placing import placed
from nbdebug.loading import Delivered
from nbdebug.nonfinite.kept import capsule as capsules
from nbdebug.nonfinite.kept.fingerprint import Fingerprint
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.origin import Origin
from nbdebug.taps import all_deaf
from nbdebug.training.trainer.alarms.beginnings import Begun
from nbdebug.training.trainer.precision import Whole
from nbdebug.training_setup import TrainingSetup


@dataclass(frozen=True)
class Found:
    """What this rank's own step said when it was done once more. Plain values."""

    sentence: str  # in a few words, for an error
    findings: tuple[Finding, ...]
    capsule: str  # its path; empty when there is none
    notes: tuple[str, ...] = ()


class Search:
    """Repeats steps of one rank on its own batch; the ranks' averaging is left out.

    Args:
        setup: of this rank.
        whole: gives the loss of a batch, without DDP around it.
        directory: of this rank's capsules.
        indices_of: where in the dataset the samples of a batch are; None: nobody knows.
    """

    def __init__(
        self, setup: TrainingSetup, whole: Whole, rank: int, world_size: int, directory: Path, indices_of: Callable[[Any], tuple[int, ...] | None] = lambda batch: None
    ) -> None:
        self.mixes = whole.mixing is not None
        self._setup = replace(setup, batch_loss=lambda _, batch: whole(batch)) if self.mixes else setup
        self._rank, self._world_size, self._directory, self._indices_of = rank, world_size, directory, indices_of

    def nonfinite(self, begun: Sequence[Begun], step: int, end: str, names: tuple[str, ...] = ()) -> Found | None:
        """The first of these batches whose loss or gradients are not finite, and why; None: all of them are.

        The training stands before the step afterwards.

        Args:
            step: of the run, from 1.
            end: the one that tripped; with the update's the training stands before it already.
            names: what the update spoilt.
        """
        training = Training(self._setup)
        with all_deaf():  # what is repeated is no step of the run
            for one in begun:
                self._stand_before(training, one)
                stepped = _stepped(training, one.batch, end, names)
                if stepped.end:
                    return self._told(training, one, stepped, step)
        return None

    def finite(self, begun: Sequence[Begun], step: int, why: str) -> tuple[str, str]:
        """The capsule of a step that is finite and stands out, or "" and why there is none. The training is as it was afterwards."""
        now = Snapshot.take(self._models(), self._setup.optimizers, self._scalers())
        try:
            training = Training(self._setup)
            with all_deaf():
                self._stand_before(training, begun[-1])
                loss = float(training.passes(own_copy(begun[-1].batch)).detach())
                return self._written(training, begun[-1], Stepped(loss, None, GRADIENTS), step, None, why)
        finally:
            now.restore()

    def _models(self) -> tuple[Any, ...]:
        return tuple(Parts.of(self._setup).models.values())

    def _scalers(self) -> tuple[Any, ...]:
        return () if self._setup.scaler is None else (self._setup.scaler,)

    def _stand_before(self, training: Training, one: Begun) -> None:
        one.snapshot.restore()
        training.clear()
        training.before = Snapshot.take(training.models, self._setup.optimizers, training.scalers)

    # -- told ---------------------------------------------------------------------------------------------------------

    def _told(self, training: Training, one: Begun, stepped: Stepped, step: int) -> Found:
        born = self._born(training, one, stepped, step)
        path, trouble = self._written(training, one, stepped, step, born.origin)
        notes = (trouble,) if trouble else ()
        result = FindNan(
            step - 1, None, born.origin, (stepped.loss,), (None,), (), weights_before=born.weights_before, reproduced=born.reproduced,
            capsule=path, unexplained=born.unexplained, notes=notes,
        )  # fmt: skip
        _, findings = JUDGED["find_nan"].judge(result)
        told = tuple(self._of_this_rank(finding, path) for finding in ranked(placed(findings, self._setup.model, setup=self._setup)))
        return Found(f"step {step}: {headline(born.origin)}", told, path, notes)

    def _born(self, training: Training, one: Begun, stepped: Stepped, step: int) -> Birth:
        try:
            return birth(training, Delivered(one.number, one.batch, self._indices_of(one.batch)), stepped, step)
        except Exception as error:  # the numbers are bad all the same
            why = f"nbdebug itself failed while it repeated the step: {type(error).__name__}: {first_line(error)}"
            training.before.restore()
            return Birth(coarse(stepped, step), None, (), why)

    def _written(self, training: Training, one: Begun, stepped: Stepped, step: int, origin: Origin | None, why: str = "") -> tuple[str, str]:
        """The path of the capsule, or why there is none."""
        setup, parts = self._setup, Parts.of(self._setup)
        try:
            taken = None if stepped.end == LOSS else self._fingerprint(training, parts, one, stepped)
            path = capsules.write(
                self._directory, parts, training.before, step=step, origin=origin, loss=stepped.loss, precision=setup.precision, batch=one.batch, indices=self._indices_of(one.batch),
                of="loop" if self.mixes else "setup", tripped="weights" if stepped.end == UPDATE else stepped.end, fingerprint=taken,
                texts={"why it was kept": why} if why else None,
            )  # fmt: skip
        except NbdebugError as error:
            return "", str(error)
        return path, ""

    def _fingerprint(self, training: Training, parts: Parts, one: Begun, stepped: Stepped) -> Fingerprint:
        """Of the step once more, as another kernel will take it."""
        training.stand_before()
        self._setup.backward(self._setup.loss(own_copy(one.batch)))
        taken = Fingerprint.of(parts)
        if stepped.end == UPDATE:
            self._setup.step()
            taken = Fingerprint(taken.gradients, Fingerprint.of(parts).weights)
        training.before.restore()
        return taken

    def _of_this_rank(self, finding: Finding, path: str) -> Finding:
        if self._world_size == 1:
            return replace(finding, evidence={**finding.evidence, "capsule": path})
        place = finding.location
        detail = " · ".join(filter(None, [place.detail, f"rank {self._rank}"]))
        return replace(finding, location=replace(place, detail=detail), evidence={**finding.evidence, "rank": self._rank, "capsule": path})


def _stepped(training: Training, batch: Any, end: str, names: tuple[str, ...]) -> Stepped:
    loss = float(training.passes(own_copy(batch)).detach())
    if not math.isfinite(loss):
        return Stepped(loss, None, LOSS)
    if bad := training.bad_gradients():
        return Stepped(loss, None, GRADIENTS, bad)
    return Stepped(loss, None, UPDATE, names) if end == UPDATE else Stepped(loss, None)
