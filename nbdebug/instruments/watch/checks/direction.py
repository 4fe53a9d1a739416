"""Check of a loss that falls, ever faster, far below zero: a part of it has the wrong sign, and nothing stops it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.learning import losses
from nbdebug.instruments.watch.reading.motion import usual_place
from nbdebug.instruments.watch.reading.source import FUNCTIONS, Scope, dotted, last_name, targets
from nbdebug.instruments.watch.reading.written import everything
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched

STEPS = 60  # values of a curve that has thirds to compare; our choice
FAR = 50.0  # times its first value, that a loss which began above zero is below it; our choice: log-likelihoods of densities stay within a few
FURTHER = 1000.0  # the same for a loss that began below zero
FASTER = 2.0  # times the way of one third that the next goes; a likelihood, which has an end, slows down


@watched.check("ND405", "loss without a bottom", severity=ERROR, advice="look at the sign of every part of the loss: each must be smaller where the model is better")
def without_a_bottom(result: WatchResult) -> Iterator[Seen]:
    """A flipped part of a loss shows in the curve, where the first step had nothing to compare it with."""
    if len(result.optimizers) > 1:
        raise NotChecked("with several optimizers one may be meant to make another's loss worse")
    for loss in losses(result):
        values = loss.values
        if loss.alone and len(values) >= STEPS and _falls_away(values):
            place = made_at(result, usual_place(result, "backward"))
            yield Seen(
                f"the loss began at {values[0]:.3g} and falls ever faster, to {values[-1]:.3g} at step {loss.track.steps[-1]}: it has no bottom, so a part of it is counted with the wrong sign",
                replace(place, detail="loss"), {"first": values[0], "last": values[-1]},
            )  # fmt: skip


def _falls_away(values: list[float]) -> bool:
    third = len(values) // 3
    few = max(1, third // 4)
    levels = [sum(part) / len(part) for part in (values[:few], values[third : third + few], values[2 * third : 2 * third + few], values[-few:])]
    ways = [before - after for before, after in zip(levels, levels[1:], strict=False)]
    first, last = values[0], levels[-1]
    far = last < -(FAR if first > 0 else FURTHER) * abs(first)
    return far and min(ways) > 0 and ways[2] > FASTER * ways[0] and ways[2] > ways[1]


def made_at(result: WatchResult, backward: Location) -> Location:
    """The line that computes what goes backward: that of the variable, or of the only return of the function it comes from."""
    known = everything(result)
    for scope in known:
        call = next((n for n in scope.nodes() if isinstance(n, ast.Call) and last_name(n.func) == "backward" and scope.place(n) == _bare(backward)), None)
        if call is None or not isinstance(call.func, ast.Attribute):
            continue
        if isinstance(made := call.func.value, ast.Call) and isinstance(made.func, ast.Name):
            return _returned(known, made.func.id) or backward
        name = dotted(call.func.value)
        given = [n for n in scope.nodes() if isinstance(n, ast.Assign) and name in map(dotted, targets(n)) and n.lineno <= call.lineno]
        if not given:
            return backward
        value = given[-1].value
        returned = _returned(known, value.func.id) if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else None
        return returned or scope.place(given[-1])
    return backward


def _bare(place: Location) -> Location:
    return Location(file=place.file, line=place.line, cell=place.cell)


def _returned(known: list[Scope], function: str) -> Location | None:
    """The one return of a function of the user's."""
    found = {scope.place(n) for scope in known if scope.name == function and isinstance(scope.node, FUNCTIONS) for n in scope.nodes() if isinstance(n, ast.Return)}
    return found.pop() if len(found) == 1 else None
