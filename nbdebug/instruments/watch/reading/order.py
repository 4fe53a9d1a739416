"""The order of calls between two updates: what the checks of updates, modes and precision ask of cycles."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.instruments.watch.reading.source import Scope, calls, dotted, last_name, scopes, targets
from nbdebug.instruments.watch.result import Cycle, Event, Optimizer, WatchResult


@dataclass(frozen=True)
class Update:
    """A step of an optimizer: what came before it in its cycle, and after."""

    cycle: Cycle
    step: Event
    before: tuple[Event, ...]
    after: tuple[Event, ...]

    @property
    def times(self) -> int:
        return self.cycle.times

    def passes(self) -> list[Event]:
        """The backward passes that reached the optimizer since it was last cleared or last stepped."""
        found: list[Event] = []
        for event in self.before:
            if event.kind == "zero" and holds(event, "of", self.step.who) or event.kind == "step" and event.who == self.step.who:
                found = []
            elif event.kind == "backward" and holds(event, "reached", self.step.who):
                found.append(event)
        return found


def updates(result: WatchResult, optimizer: str) -> list[Update]:
    """Every way in which this optimizer stepped."""
    found = []
    for cycle in result.cycles:
        for i, event in enumerate(cycle.events):
            if event.kind == "step" and event.who == optimizer:
                found.append(Update(cycle, event, cycle.events[:i], cycle.events[i + 1 :]))
    return found


def holds(event: Event, fact: str, name: str) -> bool:
    """Whether a fact that lists names lists this one."""
    return name in str(event.facts.get(fact) or "").split(", ")


def stepping(result: WatchResult) -> list[Optimizer]:
    return [optimizer for optimizer in result.optimizers if optimizer.steps + optimizer.skipped]


def count(found: Iterable[Update]) -> int:
    """Steps, in all cycles that went alike."""
    return sum(update.times for update in found)


def span(cycles: Iterable[Cycle]) -> str:
    """`step 3` or `steps 0 to 11`."""
    known = list(cycles)
    first, last = min(c.first for c in known), max(c.last for c in known)
    return f"step {first:,}" if first == last else f"steps {first:,} to {last:,}"


def evidence(cycles: Iterable[Cycle], **more: int | float | str | bool | None) -> dict[str, int | float | str | bool | None]:
    known = list(cycles)
    return {"first": min(c.first for c in known), "last": max(c.last for c in known), **more}


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "es" if noun.endswith(("s", "ch")) else "s")


# -- what the text says -------------------------------------------------------------------------------------------


def named_and_not_called(result: WatchResult, method: str) -> Iterator[tuple[str, Location]]:
    """Statements such as `optimizer.step`, without parentheses: whose, and where."""
    for scope in scopes(result.sources):
        for node in scope.nodes():
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Attribute) and node.value.attr == method:
                yield dotted(node.value.value), scope.place(node)


def written(result: WatchResult, method: str) -> Iterator[tuple[Scope, ast.Call, Location]]:
    """Every call of a method of this name in the text, whether it ran or not."""
    for scope in scopes(result.sources):
        for node in scope.nodes():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
                yield scope, node, scope.place(node)


def built_at(result: WatchResult, optimizer: Optimizer) -> Location | None:
    """The line that builds an optimizer, when only one can be meant."""
    found = []
    for scope in scopes(result.sources):
        for node in scope.nodes():
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and calls(node.value, optimizer.kind):
                named = [last_name(target) for target in targets(node)]
                found.append((optimizer.name.rpartition(".")[2] in named, scope.place(node)))
    exact = [place for same, place in found if same] or [place for _, place in found]
    return exact[0] if len(set(exact)) == 1 else None


def is_conditional(result: WatchResult, step: Event) -> bool:
    """Whether the step is only made every so often: an `if` with a remainder stands around it."""
    for scope, node, place in written(result, "step"):
        if (place.file, place.cell, place.line) == (step.place.file, step.place.cell, step.place.line):
            tests = [around.test for around in scope.around(node) if isinstance(around, ast.If)]
            return any(isinstance(part, ast.Mod) for test in tests for part in ast.walk(test))
    return False
