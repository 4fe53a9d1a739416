"""The numbers of a loop that make curves: losses, rates, norms, times, memory; one point an update, sparing with transfers."""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nbdebug.instruments.watch.ledger import Account
from nbdebug.instruments.watch.numbers import Summary, Tracks
from nbdebug.instruments.watch.result import Track

WAITING = 256  # values on an accelerator that wait for one transfer
LOSS, VALIDATION, BEFORE_CLIPPING = "loss", "validation loss", "gradient norm before clipping"
GIVEN = "given to"  # what ReduceLROnPlateau is told, as in "given to scheduler"
MOST_GROUPS = 8  # of an optimizer, whose rates are followed
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


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
        self._begun: float | None = None
        self._ended = 0.0
        self._waited = 0.0
        self._working = False
        self._scale: Any = 1.0
        self._roots: list[Any] = []
        self._losses: dict[str, dict[int, list[Any]]] = {}  # optimizers reached → place → values
        self._divided: set[tuple[str, int]] = set()
        self._rates: dict[str, float] = {}
        self._told: dict[str, float] = {}  # the rates as they were noted last
        self._clip: tuple[Any, float] | None = None
        self._valid: dict[str, tuple[float, int]] = {}  # loss function → sum over samples, samples
        self._waiting: list[tuple[str, int, Tensor]] = []
        self.names: dict[str, str] = {}  # name of a loss track → what it is called when it is not the only one

    # -- while an update is under way ---------------------------------------------------------------------------

    def waited(self, seconds: float) -> None:
        """A batch came after so many seconds."""
        if not self._working:  # not of a validation that went before
            self._begun, self._waited = time.perf_counter() - seconds, 0.0
        self._waited += seconds

    def working(self) -> None:
        """A forward pass for training begins."""
        if not self._working:
            self._working = True
            if self._begun is None:
                self._begun = time.perf_counter()
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

    def descended(self, reached: str, place: int, divided: bool, scaled: bool) -> None:
        """A backward pass from the roots is over."""
        for root in self._roots:
            value = root if type(root) is float else _number_or_tensor(root / self._scale if scaled and self._scale is not None else root)
            self._losses.setdefault(reached, {}).setdefault(place, []).append(value)
        if divided:
            self._divided.add((reached, place))
        self._roots = []

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
            self._rates[account.name] = rate
            return
        names = [account.name] if len(groups) == 1 else [f"{account.name}, group {i}" for i in range(min(len(groups), MOST_GROUPS))]
        for name, group in zip(names, groups, strict=False):
            if (rate := group.get("lr")) is not None:
                self._rates[name] = float(rate)

    def validated(self, name: str, value: Tensor, size: int) -> None:
        """A loss without a backward pass."""
        total, samples = self._valid.get(name, (0.0, 0))
        self._valid[name] = (total + float(value) * size, samples + size)

    # -- the end of an update -----------------------------------------------------------------------------------

    def close(self, step: int, *, sampled: bool) -> Point:
        """The update is over; what lies on an accelerator is fetched at sampled steps, all at once."""
        loss = self._close_losses(step)
        for name, rate in self._rates.items():
            if sampled or self._told.get(name) != rate:  # most rates stay as they are
                self.tracks.add(f"learning rate {name}", step, rate)
                self._told[name] = rate
        if self._clip is not None:
            self._note(BEFORE_CLIPPING, step, self._clip[0])
        times: dict[str, float] = {}
        seconds = self._time(times)
        self.tracks.add_all(step, times)
        self.step = step + 1
        if sampled:
            self.tracks.add("memory", step, memory())
        if sampled or len(self._waiting) > WAITING:
            self._fetch()
        return Point(loss, next(iter(self._rates.values()), None), seconds)

    def close_again(self, step: int) -> None:
        """As `close`, of an update that is not sampled and went as those before."""
        found: dict[str, Any] = {}
        for reached, places in self._losses.items():
            found[f"{LOSS} of {reached}"] = self._in_all(reached, places)
        self._losses = {}
        for name, rate in self._rates.items():
            if self._told.get(name) != rate:
                found[f"learning rate {name}"] = self._told[name] = rate
        if self._clip is not None:
            found[BEFORE_CLIPPING] = self._clip[0]
        self._time(found)
        for name, value in list(found.items()):
            if isinstance(value, Tensor):
                self._waiting.append((name, step, found.pop(name)))
        self.tracks.add_all(step, found)
        self.step = step + 1
        if len(self._waiting) > WAITING:
            self._fetch()

    def norms(self, step: int, summary: Summary) -> float | None:
        """Notes the gradient norms of a sampled step; gives that of all parameters together."""
        norms = summary.gradient_norms
        for name, norm in norms.items():
            self.tracks.add(f"gradient norm {name}", step, norm)
        if not summary.optimizer_norms:
            return None
        total = math.hypot(*summary.optimizer_norms.values())
        self.tracks.add("gradient norm", step, total)
        return total

    def plain(self) -> dict[str, Track]:
        """All curves. A loss that is the only one is called "loss", else by the optimizers that it moves."""
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
        return self.wait_seconds / self.busy_seconds if self.busy_seconds else None

    # -- inside -------------------------------------------------------------------------------------------------

    def _time(self, found: dict[str, float]) -> float | None:
        """How long the update took, and its curves; the next may begin."""
        seconds = None
        if self._begun is not None and self._ended > self._begun:
            found["seconds"] = seconds = self._ended - self._begun
            if self._waited:
                found["data wait"] = self._waited / seconds
            self.wait_seconds += self._waited
            self.busy_seconds += seconds
        self._begun, self._waited, self._working, self._clip = None, 0.0, False, None
        return seconds

    def _in_all(self, reached: str, places: dict[int, list[Any]]) -> Any:
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
        total, known = 0.0, bool(self._losses)
        for reached, places in self._losses.items():
            value = self._in_all(reached, places)
            self._note(f"{LOSS} of {reached}", step, value)
            known = known and not isinstance(value, Tensor)
            total = total + value if known else math.nan
        self._losses = {}
        return total if known else None

    def _close_validation(self) -> None:
        if self._valid:
            value = sum(total / max(1, samples) for total, samples in self._valid.values())
            self.tracks.add(VALIDATION, self.step, value)
            self._valid = {}

    def _note(self, name: str, step: int, value: Any) -> None:
        if isinstance(value, Tensor):
            self._waiting.append((name, step, value))
        else:
            self.tracks.add(name, step, value)

    def _fetch(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            values = torch.stack([tensor.reshape(()).float() for _, _, tensor in waiting]).tolist()
            for (name, step, _), value in zip(waiting, values, strict=True):
                self.tracks.add(name, step, value)


def memory() -> float:
    """MB that this process holds: on its accelerator when it uses one, else resident in RAM."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.memory_allocated() / 2**20
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * PAGE / 2**20
    except OSError:  # not Linux
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _number_or_tensor(value: Any) -> Any:
    """A number at once where that costs nothing; on an accelerator the tensor, to be fetched later."""
    if not isinstance(value, Tensor):
        return float(value)
    value = value.detach()
    return value.item() if value.is_cpu else value
