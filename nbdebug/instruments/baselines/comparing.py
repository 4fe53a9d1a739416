"""One contender after the other: the network as it is, trained, and with nothing to see; and what stands beside it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nbdebug.errors import NbdebugError, first_line
from nbdebug.instruments.baselines import constants
from nbdebug.instruments.baselines.columns import NoLinear
from nbdebug.instruments.baselines.entry import Entry, difference, still_falls, told_with
from nbdebug.instruments.baselines.hearing import Change, can_be_changed, heard_step, permuted, zeroed
from nbdebug.instruments.baselines.linear import MOST_ROWS, linear
from nbdebug.instruments.baselines.quiz import quiz_of
from nbdebug.instruments.baselines.result import (
    BLIND,
    CONSTANT,
    LINEAR,
    NETWORK,
    POSITIONS,
    Baselines,
    Contender,
)
from nbdebug.instruments.baselines.samples import gathered
from nbdebug.instruments.baselines.scores import Ratio, Scores, joined
from nbdebug.instruments.baselines.task import Scored, Task, samples_of, task_of
from nbdebug.instruments.baselines.training import Way, trained, ways
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

RATES = (1e-3, 1e-2)  # of our own Adam, tried when the user's optimizer beats no constant
READING, TRAINING = 0.2, 0.25  # shares of the budget, for reading and for each training at most
LISTENING = 0.03  # the same for a pass over the samples held out; there are up to eight of these
SURE = 5.0  # standard errors from which on a network has beaten a constant, and no other optimizer is tried


class Comparison:
    """One after the other: the model as it is, trained, with nothing to see, and what stands beside it."""

    def __init__(self, setup: TrainingSetup, steps: int, budget: float | None) -> None:
        self._setup, self._steps, self._budget = setup, steps, budget
        self._started = time.perf_counter()
        self._entries: list[Entry] = []
        self._courses: dict[str, tuple[float, ...]] = {}
        self._limits: list[str] = []
        self._seen: list[Scored] = []  # of the batches trained on
        self._held: list[Scored] = []  # of those held out
        self._middle: Tensor | None = None
        self._task = Task("", "", True)

    def run(self) -> Iterator[Baselines]:
        setup = self._setup
        self._data = gathered(setup, None if self._budget is None else READING * self._budget)
        with untouched(setup):
            self._listen()
            self._entries.append(self._network(Contender("your model", NETWORK, "as it is"), self._evaluated(None), ()))
        yield self._so_far()
        mine, *others = ways(setup, RATES)
        yield from self._train(mine, Contender("your model, trained", NETWORK), None)
        self._entries[2:2] = self._constants()
        yield self._so_far()
        for way in others:
            if self._network_beats_constant() or self._is_late():
                break
            yield from self._train(way, Contender(f"trained, {way.name}", NETWORK), None)
        yield from self._blind(mine)
        self._entries.append(self._linear())
        yield self._so_far()
        with contextlib.suppress(NbdebugError, RuntimeError, ValueError, TypeError):  # without a picture there is no quiz
            yield replace(self._so_far(), quiz=self._quiz())

    # -- the network ------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Hears the samples held out once: the task, what it is scored with, the mean target."""
        first = self._data.held_out[0].batch
        heard = self._step_in_eval(first, None)
        self._task = task_of(self._setup, first, heard)
        if not self._task.whole:
            part = f"compared is {self._task.loss} alone" if self._task.kind else "only whole losses are compared"
            self._limits.append(f"the loss has other terms beside {self._task.loss}, or several calls: {part}")
        if self._task.kind == "":
            self._limits.append("no constant and no linear model: the loss is not one that nbdebug could call again with other predictions")
        began, all_held_out = time.perf_counter(), self._data.held_out
        for number, one in enumerate(all_held_out if self._task.kind else ()):
            if number and self._budget is not None and time.perf_counter() - began > LISTENING * self._budget:
                self._data = replace(self._data, held_out=all_held_out[:number])
                self._limits.append(f"judged by {number} of {len(all_held_out)} batches held out: there was no time for more; give a larger budget")
                break
            scored, _ = self._task.scored(self._setup, one.batch, self._step_in_eval(one.batch, None))
            self._held.append(scored)
        self._middle = constants.middle(self._task, self._held)

    def _train(self, way: Way, told: Contender, change: Callable[[Any, int], Change] | None) -> Iterator[Baselines]:
        """Trains lent weights, and judges them with the inputs that they were trained on."""
        setup, steps = self._setup, self._steps
        seeing = self._see if told.kind == NETWORK and not self._seen else None
        try:
            with untouched(setup, weights=True):
                losses = trained(setup, self._data.training, way, steps, change=change, deadline=self._deadline(), heard=seeing)
                found = self._evaluated(change)
        except (NbdebugError, RuntimeError) as error:
            self._entries.append(self._not_done(told, first_line(error)))
        else:
            if len(losses) < steps:
                why = "there was no more time; give a larger budget" if math.isfinite(losses[-1]) else "the loss was not finite"
                self._limits.append(f"{told.name}: ended after {_steps(len(losses))}, because {why}")
            self._courses[told.name] = losses
            self._entries.append(self._network(replace(told, how=f"{_steps(len(losses))} with {way.name}"), found, losses))
            self._steps = len(losses) if told.kind == NETWORK and way.rate is None else steps  # what is compared is trained as long
        yield self._so_far()

    def _blind(self, way: Way) -> Iterator[Baselines]:
        """The same training with nothing to see."""
        first = self._data.training[0]
        for name, change in (("inputs zeroed", lambda batch, step: zeroed), ("inputs exchanged", self._exchange)):
            if self._is_late():
                self._limits.append(f"{name}: not tried, there was no time left; give a larger budget")
                continue
            with untouched(self._setup):
                reason = can_be_changed(self._setup, first, self._step_in_eval(first, None), change(first, 0))
            if reason:
                self._limits.append(f"{name}: not tried, because {reason}")
                continue
            yield from self._train(way, Contender(name, BLIND), change)

    def _exchange(self, batch: Any, step: int) -> Change:
        return permuted(samples_of(batch), step)

    def _evaluated(self, change: Callable[[Any, int], Change] | None) -> tuple[Scores, Tensor | None]:
        """On the samples held out, in eval mode."""
        parts, answers = [], []
        for number, one in enumerate(self._data.held_out):
            heard = self._step_in_eval(one.batch, None if change is None else change(one.batch, number))
            scored, predictions = self._task.scored(self._setup, one.batch, heard)
            if scored is None:
                size = samples_of(one.batch, heard)
                parts.append(Scores(Ratio(torch.tensor([float(heard.loss) * size]).double(), torch.tensor([float(size)]).double())))
            else:
                with torch.no_grad():
                    parts.append(self._task.scores(scored, predictions, self._middle))
                answers.append(self._task.answers(scored, predictions))
        return joined(parts), torch.cat(answers) if answers and all(a is not None for a in answers) else None

    def _step_in_eval(self, batch: Any, change: Change | None) -> Any:
        self._setup.model.eval()
        seed_torch(0)
        with torch.no_grad():
            return heard_step(self._setup, batch, change)

    def _network(self, told: Contender, found: tuple[Scores, Tensor | None], losses: tuple[float, ...]) -> Entry:
        return Entry(replace(told_with(told, found[0]), steps=len(losses), falls=still_falls(losses)), *found)

    def _network_beats_constant(self) -> bool:
        constant = next((e for e in self._entries if e.told.kind == CONSTANT and e.scores is not None), None)
        networks = [e for e in self._entries if e.told.kind == NETWORK and e.scores is not None]
        return constant is None or any(e.scores.beats(constant.scores, SURE) for e in networks)

    # -- what stands beside it ----------------------------------------------------------------------------------------

    def _see(self, batch: Any, heard: Any) -> None:
        """Keeps what a step was scored with, as far as the linear model wants rows."""
        if self._task.kind and len(self._seen) < len(self._data.training) and sum(len(one.targets) for one in self._seen) < MOST_ROWS:
            scored, _ = self._task.scored(self._setup, batch, heard)
            self._seen.append(scored)

    def _constants(self) -> list[Entry]:
        if not self._task.kind or not self._seen:
            return []
        named = {"classes": "class frequencies", "binary": "frequencies of the labels", "numbers": "the mean"}.get(self._task.kind, "a constant")
        named = "the median" if self._task.kind == "numbers" and self._task.loss != "mse_loss" else named
        found = [self._guessing(Contender(named, CONSTANT, "the same for every sample"), lambda: constants.constant(self._task, self._seen))]
        place = self._guessing(Contender("class frequencies at each position", POSITIONS), lambda: constants.at_positions(self._task, self._seen))
        return found + ([place] if place.scores is not None else [])

    def _linear(self) -> Entry:
        told = Contender("linear model", LINEAR)
        if not self._seen:
            return self._not_done(told, "the loss cannot be called again with other predictions")
        try:
            guess, how = linear(self._task, self._seen)
        except NoLinear as reason:
            return self._not_done(told, str(reason))
        except (RuntimeError, ValueError, IndexError) as error:
            return self._not_done(told, first_line(error))
        return self._guessing(replace(told, how=how), lambda: guess)

    def _guessing(self, told: Contender, make: Callable[[], Any]) -> Entry:
        """A contender that is no network."""
        try:
            guess = make()
            if guess is None:
                return Entry(told)
            with torch.no_grad():
                guesses = [(scored, guess(scored)) for scored in self._held]
                scores = joined([self._task.scores(scored, given, self._middle) for scored, given in guesses])
                answers = [self._task.answers(scored, given) for scored, given in guesses]
        except (NbdebugError, RuntimeError, ValueError, IndexError, OverflowError) as error:
            return self._not_done(told, first_line(error))
        return Entry(told_with(told, scores), scores, torch.cat(answers) if all(a is not None for a in answers) else None)

    def _not_done(self, told: Contender, reason: str) -> Entry:
        self._limits.append(f"{told.name}: not done, because {reason}")
        return Entry(replace(told, how="not done"))

    # -- what comes of it -----------------------------------------------------------------------------------------------

    def _so_far(self) -> Baselines:
        known = [e for e in self._entries if e.scores is not None]
        return Baselines(
            self._task.kind, self._task.loss, self._data.said, sum(samples_of(one.batch) for one in self._data.held_out),
            tuple(e.told for e in self._entries), tuple(difference(a, b) for a in known for b in known if a is not b),
            dict(self._courses), tuple(dict.fromkeys(self._limits)),
        )  # fmt: skip

    def _quiz(self) -> Any:
        networks = [e for e in self._entries if e.told.kind == NETWORK and e.answers is not None]
        best = min(networks, key=lambda e: e.told.loss or math.inf, default=None)
        others = [e for kind in (LINEAR, CONSTANT) for e in self._entries if e.told.kind == kind and e.answers is not None]
        if best is None:
            return None
        named = {"the model": best.answers} | {e.told.name: e.answers for e in others}
        return quiz_of(self._setup, self._data.held_out, self._task, self._held, named)

    def _deadline(self) -> float | None:
        return None if self._budget is None else time.perf_counter() + TRAINING * self._budget

    def _is_late(self) -> bool:
        return self._budget is not None and time.perf_counter() - self._started > (1 - TRAINING) * self._budget


def _steps(count: int) -> str:
    return f"{count} step" + "s" * (count != 1)
