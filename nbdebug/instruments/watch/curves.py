"""The numbers of a loop that make curves: losses, rates, norms, times, memory; one point an update, sparing with transfers."""

from __future__ import annotations

import functools
import math
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nbdebug.instruments.watch.ledger import Account
from nbdebug.instruments.watch.memory import Memory
from nbdebug.instruments.watch.numbers import Norms, Tracks
from nbdebug.instruments.watch.result import Track

WAITING = 256  # values on an accelerator that wait for one transfer
LATER = 64  # notes of updates that wait to become curves together, which costs less than in between; our choice
LOSS, VALIDATION, BEFORE_CLIPPING = "loss", "validation loss", "gradient norm before clipping"
GIVEN = "given to"  # what ReduceLROnPlateau is told, as in "given to scheduler"
MOST_GROUPS = 8  # of an optimizer, whose rates are followed


Columns = Sequence[tuple[Any, Sequence[Any]]]  # whose, and a value for each of some updates


class Point(NamedTuple):
    """What an update closed with."""

    loss: float | None
    learning_rate: float | None
    seconds: float | None


class Curves:
    """Collects what belongs to the update under way, and closes it."""

    def __init__(self) -> None:
        self.tracks = Tracks()
        self.step = 0  # the update under way
        self.wait_seconds = self.busy_seconds = 0.0  # over all updates
        self.begun: float | None = None  # when the update under way did
        self._ended = 0.0
        self.waited_so_far = 0.0
        self._working = False
        self._scale: Any = 1.0
        self._roots: list[Any] = []
        self._losses: dict[str, dict[Hashable, list[Any]]] = {}  # optimizers reached → place → values
        self._divided: set[tuple[str, Hashable]] = set()
        self._unused: set[Hashable] = set()  # losses of the update under way whose gradients were cleared before a step
        self._usually_unused: set[Hashable] = set()  # and of those that are slept through
        self.rates: dict[str, float] = {}
        self._told: dict[str, float] = {}  # the rates as they were noted last
        self._clip: tuple[Any, float] | None = None
        self._valid: dict[str, tuple[float, int]] = {}  # loss function → sum over samples, samples
        self._waiting: list[tuple[str, int, Tensor]] = []
        self._later: list[Callable[[], None]] = []  # what puts updates that were slept through, and those heard since, into the curves
        self._memory = Memory()
        self.names: dict[str, str] = {}  # name of a loss track → what it is called when it is not the only one

    # -- while an update is under way ---------------------------------------------------------------------------

    def waited(self, seconds: float) -> None:
        """A batch came after so many seconds."""
        if not self._working:  # not of a validation that went before
            self.begun, self.waited_so_far = time.perf_counter() - seconds, 0.0
        self.waited_so_far += seconds

    def working(self) -> None:
        """A forward pass for training begins."""
        if not self._working:
            self._working = True
            if self.begun is None:
                self.begun = time.perf_counter()
            if self._valid:
                self._close_validation()

    def about_to_descend(self, roots: list[Tensor], *, scaled: bool = False) -> list[Any]:
        """Notes what a backward pass begins at; gives it, as numbers where that costs nothing."""
        if len(roots) == 1 and not scaled and roots[0].is_cpu:
            self._roots = [roots[0].item()]
            return self._roots
        self._roots = [root.item() if root.is_cpu and not scaled else root.detach() for root in roots]
        return self._roots

    def scaled_by(self, scaler: Any) -> None:
        scale = scaler._get_scale_async()  # a tensor, read without waiting for an accelerator
        self._scale = scaler.get_scale() if scale is None else scale  # before the first backward pass it has none

    def scale(self) -> float:
        """By what the scaler multiplied the last loss; waits for an accelerator."""
        return float(self._scale)

    def descended(self, reached: str, place: Hashable, divided: bool, scaled: bool) -> Hashable:
        """A backward pass from the roots is over; gives what its loss is known by in this update.

        Args:
            place: of losses from one place the mean is taken, those of different places are added.
        """
        number = len(self._losses.get(reached, {}).get(place, ()))
        for root in self._roots:
            self._lost(reached, place, root if type(root) is float else self.unscaled(root) if scaled else _number_or_tensor(root))
        if divided:
            self._divided.add((reached, place))
        self._roots = []
        return reached, place, number

    def unused(self, losses: Iterable[Hashable]) -> None:
        """The gradients of these losses were cleared, and no step had used them: they are none of the update's."""
        self._unused.update(losses)

    def without(self, optimizers: list[str]) -> None:
        """What the losses of the update under way reached beside others are of optimizers that step no more."""
        losses, self._losses = self._losses, {}
        for reached, places in losses.items():
            left = ", ".join([name for name in reached.split(", ") if name not in optimizers])
            self._losses.setdefault(left or reached, {}).update(places)

    def usually(self, standing: set[Hashable]) -> None:
        """The updates that come are slept through; told is what was remembered at the end of one of them."""
        if standing != self._usually_unused:
            self._note_what_waits()
            self._usually_unused = set(standing)

    def as_usual(self) -> None:
        """The update under way went as those that are slept through."""
        self._unused = set(self._usually_unused)

    def standing(self) -> set[Hashable]:
        """What else is remembered of the update under way, for `stand`."""
        return set(self._unused)

    def stand(self, standing: set[Hashable]) -> None:
        """As at the same place of an update that went alike."""
        self._unused = set(standing)

    def unscaled(self, root: Any) -> Any:
        """A loss as it was before the scaler multiplied it."""
        return _number_or_tensor(root / self._scale if self._scale is not None else root)

    def clipped(self, norm: Any, limit: float) -> None:
        self._clip = (_number_or_tensor(norm), limit)

    def ended(self) -> None:
        """The work of the update is done."""
        self._ended = time.perf_counter()

    def updated(self, account: Account) -> None:
        """An optimizer stepped."""
        self._ended = time.perf_counter()
        groups = account.optimizer.param_groups
        if len(groups) == 1 and type(rate := groups[0].get("lr")) is float:
            self.rates[account.name] = rate
            return
        names = [account.name] if len(groups) == 1 else [f"{account.name}, group {i}" for i in range(min(len(groups), MOST_GROUPS))]
        for name, group in zip(names, groups, strict=False):
            if (rate := group.get("lr")) is not None:
                self.rates[name] = float(rate)

    def validated(self, name: str, value: Tensor | float, size: int) -> None:
        """A loss without a backward pass."""
        total, samples = self._valid.get(name, (0.0, 0))
        self._valid[name] = (total + float(value) * size, samples + size)

    # -- of an update that goes as those before -------------------------------------------------------------------

    def clear(self) -> None:
        """Nothing is known of the update under way; a validation that went before is over."""
        if self._valid:
            self._close_validation()
        self.begun, self.waited_so_far, self._working, self._clip, self._losses = None, 0.0, False, None, {}
        self._unused = set()

    def began_at(self, value: Any) -> None:
        """The backward pass under way, where that was a number."""
        if type(value) is float:
            self._roots = [value]

    def root(self) -> Any:
        """What the last backward pass began at, if that was one number."""
        return self._roots[0] if len(self._roots) == 1 else None

    def rated(self, account: Account, step: int) -> None:
        """An optimizer stepped, perhaps at another rate."""
        self.updated(account)
        self._note_rates(step)

    def looked(self, step: int) -> None:
        """As `close`, of what only an update that was looked at has."""
        self._note_rates(step, all_of_them=True)
        self.tracks.add("memory", step, self._memory.held())
        self._fetch()

    def stands(self, what: str, value: Any, whose: Any) -> None:
        """What was noted of the update under way, by the name of a column of `closed_all`."""
        if what == "begun":
            self.begun = value
        elif what == "waited":
            self.waited_so_far += value
        elif what == "loss":
            self._lost(*whose[:2], value)
        elif what == "norm":
            self._clip = (value, whose)
        else:
            self._ended = value

    def works(self) -> None:
        """A forward pass for training ran."""
        self._working = True

    # -- the end of an update -----------------------------------------------------------------------------------

    def close(self, step: int, *, sampled: bool) -> Point:
        """The update is over; what lies on an accelerator is fetched at sampled steps, all at once."""
        loss = self._close_losses(step)
        if not sampled:
            self._note_rates(step)
        if self._clip is not None:
            self._note(BEFORE_CLIPPING, step, self._clip[0])
        times: dict[str, float] = {}
        seconds = self._time(times)
        for name, value in times.items():
            self._note(name, step, value)
        self.step = step + 1
        if sampled:
            self.looked(step)
        elif len(self._waiting) > WAITING:
            self._fetch()
        return Point(loss, next(iter(self.rates.values()), None), seconds)

    def closed_all(self, first: int, number: int, **columns: Columns) -> None:
        """As `close`, of so many updates from this one on that are not sampled, and went alike; they become curves later.

        Args:
            columns: begun, waited, loss, norm and ended, each with whose it is and a value an update. Of a loss that is what `descended` is told.
        """
        self._wait(functools.partial(self._note_alike, first, number, **columns))
        self.step = first + number

    def norms(self, step: int, norms: Norms) -> float | None:
        """Notes the gradient norms of a sampled step; gives that of all parameters together."""
        for name, norm in norms.groups.items():
            self.tracks.add(f"gradient norm {name}", step, norm)
        if not norms.optimizers:
            return None
        total = math.hypot(*norms.optimizers.values())
        self.tracks.add("gradient norm", step, total)
        return total

    def release(self) -> None:
        """Nothing is asked of the system for now."""
        self._memory.close()

    def plain(self) -> dict[str, Track]:
        """All curves. A loss that is the only one is called "loss", else by the optimizers that it moves."""
        self._note_what_waits()
        self._fetch()
        self._close_validation()
        tracks = self.tracks.plain()
        losses = [name for name in tracks if name.startswith(f"{LOSS} of ")]
        rates = [name for name in tracks if name.startswith("learning rate ")]
        renamed = {losses[0]: LOSS} if len(losses) == 1 else {}
        renamed |= {rates[0]: "learning rate"} if len(rates) == 1 else {}
        norms = [name for name in tracks if name.startswith("gradient norm ") and name != BEFORE_CLIPPING]
        if len(norms) == 1:  # of one group alone: that is the norm of all
            del tracks[norms[0]]
        return {renamed.get(name, name): replace(t, name=renamed.get(name, name)) for name, t in tracks.items()}

    def wait_share(self) -> float | None:
        """Share of the steps' time that went by waiting for batches."""
        self._note_what_waits()
        return self.wait_seconds / self.busy_seconds if self.busy_seconds else None

    # -- inside -------------------------------------------------------------------------------------------------

    def _time(self, found: dict[str, float]) -> float | None:
        """How long the update took, and its curves; the next may begin."""
        seconds = None
        if self.begun is not None and self._ended > self.begun:
            found["seconds"] = seconds = self._ended - self.begun
            if self.waited_so_far:
                found["data wait"] = self.waited_so_far / seconds
            self.wait_seconds += self.waited_so_far
            self.busy_seconds += seconds
        self.begun, self.waited_so_far, self._working, self._clip = None, 0.0, False, None
        return seconds

    def _wait(self, note: Callable[[], None]) -> None:
        self._later.append(note)
        if len(self._later) >= LATER:
            self._note_what_waits()

    def _note_what_waits(self) -> None:
        """Updates that were slept through become curves, and those that were heard since."""
        later, self._later = self._later, []
        for note in later:
            note()
        if len(self._waiting) > WAITING:
            self._fetch()

    def _note_alike(self, first: int, number: int, *, begun: Columns, waited: Columns, loss: Columns, norm: Columns, ended: Columns) -> None:
        steps = range(first, first + number)
        losses: dict[str, dict[Hashable, list[Sequence[Any]]]] = {}
        times: Counter[tuple[str, Hashable]] = Counter()
        for (reached, place, _, _), values in loss:
            if any([value is None for value in values]):  # it began at no single number
                continue
            times[reached, place] += 1
            if (reached, place, times[reached, place] - 1) not in self._usually_unused:
                losses.setdefault(reached, {}).setdefault(place, []).append(values)
        for reached, places in losses.items():
            columns = [values for several in places.values() for values in several]
            found = columns[0]
            if len(columns) > 1:
                found = [self._in_all(reached, {p: [values[at] for values in several] for p, several in places.items()}) for at in range(number)]
            self._note_all(f"{LOSS} of {reached}", steps, found)
        if norm:
            self._note_all(BEFORE_CLIPPING, steps, norm[-1][1])
        if begun and ended:
            self._note_times(steps, begun[0][1], ended[0][1], [sum(row) for row in zip(*(values for _, values in waited), strict=True)])

    def _note_times(self, steps: Sequence[int], begun: Sequence[float], ended: Sequence[float], waited: Sequence[float]) -> None:
        """How long many updates took."""
        timed = [at for at in range(len(steps)) if begun[at] is not None and ended[at] > begun[at]]
        seconds = [ended[at] - begun[at] for at in timed]
        self.tracks.extend("seconds", [steps[at] for at in timed], seconds)
        self.busy_seconds += sum(seconds)
        if any(waited):
            of = [(steps[at], waited[at], length) for at, length in zip(timed, seconds, strict=True) if waited[at]]
            self.tracks.extend("data wait", [step for step, _, _ in of], [wait / length for _, wait, length in of])
            self.wait_seconds += sum(wait for _, wait, _ in of)

    def _lost(self, reached: str, place: Hashable, value: Any) -> None:
        """A loss that a backward pass from here reached these optimizers with."""
        self._losses.setdefault(reached, {}).setdefault(place, []).append(value)

    def _note_rates(self, step: int, *, all_of_them: bool = False) -> None:
        """Those that changed: most stay as they are."""
        for name, rate in self.rates.items():
            if all_of_them or self._told.get(name) != rate:
                self.tracks.add(f"learning rate {name}", step, rate)
                self._told[name] = rate

    def _note_all(self, name: str, steps: Sequence[int], values: Sequence[Any]) -> None:
        if all([type(value) is float for value in values]):
            self.tracks.extend(name, steps, values)
            return
        for step, value in zip(steps, values, strict=True):
            if value is not None:
                self._note(name, step, value)

    def _in_all(self, reached: str, places: dict[Hashable, list[Any]]) -> Any:
        """The loss of an update: the sum over places of the mean, or of the sum where the loop divides by itself."""
        value: Any = 0.0
        for place, values in places.items():
            if len(values) == 1:
                value = value + values[0]
                continue
            part = sum(values[1:], values[0])
            value = value + (part if (reached, place) in self._divided else part / len(values))
        return value

    def _close_losses(self, step: int) -> float | None:
        used = {reached: self._used(reached, places) for reached, places in self._losses.items()} if self._unused else self._losses
        total, known = 0.0, any(used.values())
        for reached, places in used.items():
            if not places:
                continue
            value = self._in_all(reached, places)
            self._note(f"{LOSS} of {reached}", step, value)
            known = known and not isinstance(value, Tensor)
            total = total + value if known else math.nan
        self._losses, self._unused = {}, set()
        return total if known else None

    def _used(self, reached: str, places: dict[Hashable, list[Any]]) -> dict[Hashable, list[Any]]:
        """Without the losses whose gradients were cleared before a step."""
        kept = {place: [value for at, value in enumerate(values) if (reached, place, at) not in self._unused] for place, values in places.items()}
        return {place: values for place, values in kept.items() if values}

    def _close_validation(self) -> None:
        if self._valid:
            value = sum(total / max(1, samples) for total, samples in self._valid.values())
            self.tracks.add(VALIDATION, self.step, value)
            self._valid = {}

    def _note(self, name: str, step: int, value: Any) -> None:
        if self._later:
            self._wait(functools.partial(self._note, name, step, value))
        elif isinstance(value, Tensor):
            self._waiting.append((name, step, value))
        else:
            self.tracks.add(name, step, value)

    def _fetch(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            values = torch.stack([tensor.reshape(()).float() for _, _, tensor in waiting]).tolist()
            for (name, step, _), value in zip(waiting, values, strict=True):
                self.tracks.add(name, step, value)


def _number_or_tensor(value: Any) -> Any:
    """A number at once where that costs nothing; on an accelerator the tensor, to be fetched later."""
    if not isinstance(value, Tensor):
        return float(value)
    value = value.detach()
    return value.item() if value.is_cpu else value
