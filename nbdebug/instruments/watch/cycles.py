"""From events to cycles: what happens between two updates is noted once for all updates that go alike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from nbdebug.findings import Location
from nbdebug.instruments.watch.result import Cycle, Event, Fact

Key = tuple[str, str, int, tuple[Fact, ...]]  # kind, who, place number, the facts of its kind
FACTS: dict[str, tuple[str, ...]] = {  # kind → the names of its facts, in their order
    "epoch": (), "batch": (), "unscale": (), "scaler_update": (), "state": (),
    "mode": ("training",),
    "forward": ("training", "grad", "autocast", "loader", "input_grad", "awake"),
    "loss": ("grad", "training", "loader", "reduction"),
    "backward": ("reached", "onto", "scaled", "divided", "retain", "inside", "half"),
    "zero": ("threw", "of", "from"),
    "clip": ("limit", "by", "scaled"),
    "step": ("gradients", "stale", "scaled", "skipped", "closure", "from", "touched", "by_scaler"),
    "schedule": ("early",),
    "load": (
        "matched", "missing", "unexpected", "aliased", "optimizer", "renamed", "first_missing", "first_unexpected", "changed", "taken",
    ),
}  # fmt: skip
LONGEST = 400  # events of one cycle; equal ones are only counted beyond it
MOST = 64  # different cycles that are kept; later ones are counted as one of these when alike in kinds
OPENS = ("batch", "forward", "epoch", "zero")  # what a new cycle may begin with, in this order of preference
REPEATS = frozenset(["epoch", "batch", "forward", "loss", "mode", "state"])  # may come any number of times between two others


@dataclass
class _Pattern:
    events: list[tuple[int, int]]  # number of the event, times
    first: int
    last: int
    times: int = 1


class Standing(NamedTuple):
    """What was open after a call; as in `Cycles`."""

    opened: list[int]
    times: list[int]
    lately: dict[int, int]
    stepped: dict[str, int]
    descended: int
    stretch: int


class Ahead(NamedTuple):
    """Events that one cycle has ahead of another, which goes like the rest of it."""

    opened: list[int]
    times: list[int]


def ahead_of(longer: Standing, other: Standing) -> Ahead | None:
    """What the longer one has ahead of the other; None where the rest of it is another."""
    by = len(longer.opened) - len(other.opened)
    if by < 0 or (longer.opened[by:], longer.times[by:], *longer[3:]) != (other.opened, other.times, *other[3:]) or not other.lately.keys().isdisjoint(longer.opened[:by]):
        return None
    return Ahead(longer.opened[:by], longer.times[:by])


@dataclass
class Cycles:
    """Events come in by `add`; an optimizer that steps again closes the cycle before."""

    step: int = 0  # updates that were completed
    lost: int = 0  # cycles that found no room
    _keys: list[Key] = field(default_factory=list)  # number of an event → what it is
    _numbers: dict[Key, int] = field(default_factory=dict)
    _open: list[int] = field(default_factory=list)
    _times: list[int] = field(default_factory=list)
    _lately: dict[int, int] = field(default_factory=dict)  # event → position, since the last one that is not repeated
    _stepped: dict[str, int] = field(default_factory=dict)  # optimizer → position of its step in the open cycle
    _descended: int = 0  # where the stretch since the last backward pass, or step, begins
    _stretch: int = 0  # where the one before it begins
    _patterns: dict[tuple[int, ...], _Pattern] = field(default_factory=dict)
    _last: tuple[int, ...] = ()  # the cycle that was closed last

    def add(self, kind: str, who: str, place: int, *facts: Fact) -> None:
        """Notes an event."""
        key = (kind, who, place, facts)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._keys)
            self._keys.append(key)
        position = len(self._open)
        if kind in REPEATS or (position >= LONGEST and kind != "step"):
            before = self._lately.get(number)
            if before is not None:
                self._times[before] += 1
                return
            if position >= LONGEST:
                return
        else:
            self._lately.clear()
        self._lately[number] = position
        self._open.append(number)
        self._times.append(1)
        if kind == "backward":
            self._fold(position + 1)

    def _fold(self, end: int) -> None:
        """Of two equal stretches that each end in a backward pass, as when gradients are accumulated, one is kept and counted."""
        length = end - self._descended
        before = self._descended - length
        if before >= self._stretch and self._open[before : self._descended] == self._open[self._descended :]:
            for i in range(length):
                self._times[before + i] += self._times[self._descended + i]
            del self._open[self._descended :], self._times[self._descended :]
        else:
            self._stretch, self._descended = self._descended, end
        self._lately.clear()

    def will_step(self, optimizer: str) -> bool:
        """Closes the cycle before, if this optimizer has stepped in it already; says whether it did."""
        if optimizer not in self._stepped:
            return False
        self._close(self._cut(self._stepped[optimizer] + 1))
        return True

    def cut(self) -> None:
        """Closes the open cycle: what comes next belongs to another update."""
        if self._open:
            self._close(len(self._open))

    def stepped(self, optimizer: str) -> None:
        """The last event was a step of this optimizer."""
        self._stepped[optimizer] = len(self._open) - 1
        self._stretch = self._descended = len(self._open)

    def not_stepped(self, optimizer: str) -> None:
        """What was taken for a step of this optimizer was none."""
        self._stepped.pop(optimizer, None)

    def again(self, key: tuple[int, ...], times: int = 1) -> None:
        """So many cycles went like this one, which is known."""
        known = self._patterns[key]
        self.step += times
        known.last, known.times = self.step - 1, known.times + times

    def last_closed(self) -> tuple[tuple[int, ...], bool]:
        """The cycle that was closed last; and whether nothing but the call that closed it is in the open one."""
        return self._last, self._last in self._patterns and len(self._open) == 1

    def events(self, key: tuple[int, ...]) -> list[Key]:
        return [self._keys[number] for number in key]

    def standing(self) -> Standing:
        """What is open, for `stand`."""
        return Standing(list(self._open), list(self._times), dict(self._lately), dict(self._stepped), self._descended, self._stretch)

    def stand(self, standing: Standing, ahead: Ahead) -> None:
        """As in a cycle that went alike so far, after what this one has ahead of it."""
        by = len(ahead.opened)
        self._open, self._times = ahead.opened + standing.opened, ahead.times + standing.times
        self._lately = {number: at + by for number, at in standing.lately.items()}
        self._stepped = {name: at + by for name, at in standing.stepped.items()}
        self._descended, self._stretch = (at and at + by for at in (standing.descended, standing.stretch))

    def would_be(self, ahead: Ahead, key: tuple[int, ...]) -> tuple[int, ...] | None:
        """The cycle that goes like this one with something ahead of it; None where none went like that."""
        return key if not ahead.opened else longer if (longer := (*ahead.opened, *key)) in self._patterns else None

    @property
    def steps(self) -> int:
        """Updates so far, the one of the open cycle included."""
        return self.step + bool(self._stepped)

    def plain(self, places: list[Location]) -> tuple[Cycle, ...]:
        """All cycles; the open one is the last."""
        patterns = [replace(p) for p in self._patterns.values()]
        if self._open:
            alike = list(self._patterns).index(key) if (key := tuple(self._open)) in self._patterns else None
            if alike is None:
                patterns.append(_Pattern(list(zip(key, self._times, strict=True)), self.step, self.step))
            else:
                patterns[alike].last, patterns[alike].times = self.step, patterns[alike].times + 1
        return tuple(
            Cycle(tuple(_event(self._keys[n], times, places) for n, times in p.events), p.first, p.last, p.times) for p in patterns
        )

    def _cut(self, after: int) -> int:
        """Where the next cycle begins: at its batch, else at its first forward, else where it clears gradients."""
        rest = [self._keys[number][0] for number in self._open[after:]]
        for kind in OPENS:
            if kind in rest:
                position = after + rest.index(kind)
                return self._with_epoch(position, after)
        return after

    def _with_epoch(self, position: int, after: int) -> int:
        while position > after and self._keys[self._open[position - 1]][0] in ("epoch", "mode"):
            position -= 1
        return position

    def _close(self, end: int) -> None:
        key = self._last = tuple(self._open[:end])
        known = self._patterns.get(key)
        if known is not None:
            known.last, known.times = self.step, known.times + 1
        elif len(self._patterns) < MOST:
            self._patterns[key] = _Pattern(list(zip(key, self._times[:end], strict=True)), self.step, self.step)
        else:
            self.lost += 1
        del self._open[:end], self._times[:end]
        self._lately.clear()
        self._descended = self._stretch = max(0, self._descended - end)
        self._stepped = {name: at - end for name, at in self._stepped.items() if at >= end}
        self.step += 1


def _event(key: Key, times: int, places: list[Location]) -> Event:
    kind, who, place, facts = key
    return Event(kind, who, places[place], dict(zip(FACTS[kind], facts, strict=True)), times)
