"""The course of a learning rate: a scheduler beside the optimizer it steers, and how often each was stepped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.instruments.watch.result import Event, Loader, Optimizer, Scheduler, Track, WatchResult

EACH = 0.7  # steps of the scheduler for an update from which it is stepped in every batch; our choice: skipped steps are fewer


@dataclass(frozen=True)
class Course:
    """A scheduler beside what it steers, and how often it was stepped."""

    scheduler: Scheduler
    optimizer: Optimizer
    loader: Loader | None  # that the training took its batches from
    rates: tuple[Track, ...]
    updates: int

    @property
    def each_batch(self) -> bool:
        return self.scheduler.steps >= max(3, EACH * self.updates)

    @property
    def each_epoch(self) -> bool:
        return self.loader is not None and 2 <= self.scheduler.steps <= min(self.loader.epochs, self.updates / 3)

    def setting(self, name: str) -> float | None:
        value = self.scheduler.settings.get(name)
        return float(value) if isinstance(value, (int, float)) else None

    def calls(self, result: WatchResult) -> list[Event]:
        return [event for _, event in result.events("schedule") if event.who == self.scheduler.name]

    def calls_in_a_cycle(self, result: WatchResult) -> dict[Location, int]:
        """Line → calls of step() there between the same two updates, at most, the first ones apart."""
        most: dict[Location, int] = {}
        for cycle in result.cycles:
            counts = Counter(e.place for e in cycle.of("schedule") if e.who == self.scheduler.name and not e.facts["early"])
            most |= {place: max(count, most.get(place, 0)) for place, count in counts.items()}
        return most


def courses_of(result: WatchResult) -> Iterator[Course]:
    """All schedulers whose optimizer stepped."""
    loader = training_loader(result)
    for scheduler in result.schedulers:
        optimizer = next((o for o in result.optimizers if o.name == scheduler.optimizer), None)
        if optimizer is not None and optimizer.steps:
            name = f"learning rate {optimizer.name}"
            own = tuple(t for n, t in result.tracks.items() if n == name or n.startswith(f"{name}, group ") or n == "learning rate")
            yield Course(scheduler, optimizer, loader, own, optimizer.steps + optimizer.skipped)


def training_loader(result: WatchResult) -> Loader | None:
    """The loader whose batches most of the training steps used."""
    counts: Counter[str] = Counter()
    for cycle, event in result.events("forward"):
        if event.facts["grad"] and event.facts["loader"] and cycle.of("backward"):
            counts[str(event.facts["loader"])] += cycle.times * event.times
    name = counts.most_common(1)[0][0] if counts else ""
    return next((loader for loader in result.loaders if loader.name == name), None)
