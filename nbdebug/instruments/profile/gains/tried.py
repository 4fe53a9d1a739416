"""A candidate beside the step as it is, by turns, and whether what it gains is more than noise."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug.crash.release import release
from nbdebug.data.running import Box
from nbdebug.errors import NbdebugError, SetupError, first_line
from nbdebug.instruments.profile.gains.candidate import Candidate
from nbdebug.instruments.profile.result import NO_TIME, Gain
from nbdebug.seeding import seed_torch
from nbdebug.step_cost import Stepper, peak_bytes, rates_at_zero
from nbdebug.step_cost.clock import once
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

ROUNDS = (5, 15)  # at least and at most; five of five in one direction come by chance once in 32
A_TURN = 0.05  # seconds for the steps of one turn, where a step takes less
PATIENCE = 4.0  # times as long as a turn should take, and it ends early; our choice: two threads on one busy core take a hundred times
HOPELESS = 2.0  # times as slow at once: not asked any further, unless memory is what it saves; our choice
NOISE_FLOOR = 0.05  # a gain below it is not worth a line of code; our choice
LIGHTER = 0.1  # of the step's peak memory; our choice
SAME = 1e-4  # relative, of loss and gradient norm: another order of float32 sums stays below
NEAR = 0.05  # relative; what differs more is another computation, and is not offered


@dataclass(frozen=True)
class Numbers:
    """What a step computes, from the same weights and random numbers."""

    loss: float
    gradient: float  # the norm over all weights


PLAIN = Candidate("the step as it is")


@dataclass(frozen=True)
class Race:
    """A candidate beside the step as it is, round by round."""

    ratios: tuple[float, ...]  # of each round how many times as fast, a sample
    fastest: float  # the same of the fastest steps of all: what else the machine does only ever adds
    noise: float  # how far the step as it is was from itself in a round, the median

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def won(self) -> bool:
        """Whether it is faster beyond the noise: the median, nearly every round, and the fastest steps say so."""
        nearly_all = sum(one > 1 for one in self.ratios) >= len(self.ratios) - len(self.ratios) // 6
        return self.ratio > 1 + max(NOISE_FLOOR, self.noise) and self.fastest > 1 + NOISE_FLOOR and nearly_all


@dataclass
class Judge:
    """What all candidates are compared with.

    Attributes:
        step_seconds: of the step as it is.
    """

    setup: TrainingSetup
    batch: Any
    step_seconds: float

    def gain(self, candidate: Candidate, box: Box) -> Gain:
        """The candidate, tried; what it raised is why it was not."""
        if candidate.why_not:
            return Gain(candidate.name, candidate.why_not, code=candidate.code)
        if box.left < 2 * ROUNDS[0] * self.step_seconds * max(1.0, candidate.times):
            return Gain(candidate.name, NO_TIME, code=candidate.code)
        try:
            with untouched(self.setup, weights=True), rates_at_zero(self.setup):
                return self._tried(candidate, box)
        except (NbdebugError, RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError) as error:
            said = first_line(error.__cause__ or error)
            release(error)
            return Gain(candidate.name, f"it raised: {said}", code=candidate.code)

    def _tried(self, candidate: Candidate, box: Box) -> Gain:
        plain, changed = Stepper(self.setup), candidate.prepared(self.batch)
        ours = numbers(self.setup, self.batch) if candidate.times == 1 else None
        plain(self.batch)
        before = peak_bytes(lambda: plain(self.batch), self.setup.device)
        now = min(once(lambda: plain(self.batch), self.setup.device) for _ in range(2))  # not what it took when the machine was less busy
        with candidate.on(self.setup) as setup:
            theirs = numbers(setup, changed) if candidate.times == 1 else None
            step = Stepper(setup)
            step(changed)
            after = peak_bytes(lambda: step(changed), setup.device)
            probe = min(once(lambda: step(changed), setup.device) for _ in range(2))
        if probe > HOPELESS * candidate.times * now and not candidate.for_memory:
            return self._judged(candidate, Race((candidate.times * now / probe,), 0.0, 0.0), before, after, ours, theirs)
        race = by_turns(self.setup, candidate, self.batch, changed, box, self.step_seconds)
        return self._judged(candidate, race, before, after, ours, theirs)

    def _judged(
        self, candidate: Candidate, race: Race, before: int, after: int, ours: Numbers | None, theirs: Numbers | None
    ) -> Gain:
        ratios, ratio = race.ratios, race.ratio
        lighter = after < (1 - LIGHTER) * before
        loss = _change(ours.loss, theirs.loss) if ours and theirs else None
        gradient = _change(ours.gradient, theirs.gradient) if ours and theirs else None
        near = max(loss or 0.0, gradient or 0.0) <= (SAME if candidate.exact else NEAR)
        caution = candidate.caution
        if not near:
            caution = f"not offered: from the same weights the loss differs by {loss:.1%}, the gradient by {gradient:.1%}"
        gained = lighter if candidate.for_memory else race.won
        return Gain(
            candidate.name, "", ratio, min(ratios), max(ratios), len(ratios), race.noise, self.step_seconds * (1 - 1 / ratio),
            after / before if before and candidate.times == 1 else None, before - after if candidate.times == 1 else 0, loss, gradient,
            gained and near, caution, candidate.code,
        )  # fmt: skip


def by_turns(setup: TrainingSetup, candidate: Candidate, batch: Any, changed: Any, box: Box, seconds: float) -> Race:
    """Rounds of the step as it is, the candidate, and the step as it is once more: what it differs from itself by is the noise."""
    steps = max(1, int(A_TURN / max(seconds * candidate.times, 1e-6)))
    ratios: list[float] = []
    apart: list[float] = []
    plainly, otherwise = [], []  # the fastest step of each turn
    while len(ratios) < ROUNDS[0] or (len(ratios) < ROUNDS[1] and box.left > 0 and not _settled(ratios)):
        before, with_it, after = (_turn(setup, *one, steps) for one in ((PLAIN, batch), (candidate, changed), (PLAIN, batch)))
        ratios.append(candidate.times * math.sqrt(before[0] * after[0]) / with_it[0])
        apart.append(abs(math.log(after[0] / before[0])))
        plainly += [before[1], after[1]]
        otherwise.append(with_it[1])
    return Race(tuple(ratios), candidate.times * min(plainly) / min(otherwise), statistics.median(apart))


def _settled(ratios: list[float]) -> bool:
    """Whether all rounds say the same."""
    return max(ratios) < 1 or min(ratios) > 1 + 2 * NOISE_FLOOR


def _turn(setup: TrainingSetup, candidate: Candidate, batch: Any, steps: int) -> tuple[float, float]:
    """Seconds a step, after one that is not counted: the mean, and the fastest."""
    with candidate.on(setup) as changed:
        step = Stepper(changed)
        step(batch)
        if changed.device.type != "cpu":  # waiting for the device between steps would hide what runs ahead of it
            mean = once(lambda: [step(batch) for _ in range(steps)], changed.device) / steps
            return mean, mean
        taken: list[float] = []
        while len(taken) < steps and sum(taken) < PATIENCE * A_TURN:
            taken.append(once(lambda: step(batch), changed.device))
        return sum(taken) / len(taken), min(taken)


def numbers(setup: TrainingSetup, batch: Any) -> Numbers:
    """Loss and gradient norm of a step from random numbers that are the same each time; no update is made."""
    Stepper(setup).clear()
    seed_torch(0)
    loss = setup.loss(batch)
    if not loss.requires_grad:
        raise SetupError("the loss has no graph with it")
    setup.backward(loss)
    squares = [float(_dense(p.grad).detach().double().abs().square().sum()) for p in setup.model.parameters() if p.grad is not None]
    Stepper(setup).clear()
    return Numbers(float(loss.detach()), math.sqrt(math.fsum(squares)) / setup.scale() if squares else 0.0)


def _dense(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.layout == torch.sparse_coo else gradient


def _change(before: float, after: float) -> float:
    if not (math.isfinite(before) and math.isfinite(after)):
        return 0.0 if str(before) == str(after) else math.inf
    return abs(after - before) / max(abs(before), 1e-12)
