"""Small training steps in which something is born that is not finite, each with the place where that happens.

    @born("forward", "log", cause="domain")
    def logarithm_of_zero():
        ...
        def step():
            ...
            h = torch.log(h)  # guilty
        return [model], step

The origin must lie on a line that ends in `# guilty`, wherever there is one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from nbdebug.nonfinite.origin import Origin
from nbdebug.nonfinite.trace.step import Trace


@dataclass(frozen=True)
class Situation:
    build: Callable[[], tuple]
    phase: str
    operator: str
    module: str | None
    cause: str | None
    expected: dict[str, Any]
    guilty: frozenset[int]

    def __repr__(self) -> str:
        return self.build.__name__


def born(
    phase: str, operator: str = "", *, module: str | None = None, cause: str | None = None, **expected: Any
) -> Callable[[Callable[[], tuple]], Callable[[], tuple]]:
    """Adds the situation to `SITUATIONS` of its own file."""

    def register(build: Callable[[], tuple]) -> Callable[[], tuple]:
        lines, first = inspect.getsourcelines(build)
        guilty = frozenset(first + i for i, line in enumerate(lines) if line.rstrip().endswith("# guilty"))
        situation = Situation(build, phase, operator, module, cause, expected, guilty)
        build.__globals__.setdefault("SITUATIONS", []).append(situation)
        return build

    return register


def traced(build: Callable[[], tuple]) -> tuple[Origin | None, Trace]:
    """The step of `build() -> (models, step)` or `(models, step, options of Trace)`."""
    torch.manual_seed(0)
    models, step, *options = build()
    with Trace(models, **(options[0] if options else {})) as trace:
        step()
    return trace.origin(), trace


def check(situation: Situation) -> None:
    origin, trace = traced(situation.build)
    assert trace.trouble == ""
    assert origin is not None
    seen = {"phase": origin.phase, "line": origin.line, "operator": origin.operator, "module": origin.module, "cause": origin.cause,
            "text": origin.text, "detail": origin.detail}  # fmt: skip
    assert origin.phase == situation.phase, seen
    if situation.operator:
        assert origin.operator.split(".")[1].rstrip("_") == situation.operator, seen
    if situation.guilty:
        assert origin.line in situation.guilty, seen
    if situation.module is not None:
        assert origin.module == situation.module, seen
    if situation.cause is not None:
        assert origin.cause == situation.cause, seen
    for name, value in situation.expected.items():
        if name == "said":
            assert value in origin.detail, seen
        elif name == "at":
            assert value in origin.text, seen
        elif name == "tried":
            assert value in origin.remedy, origin.remedy
        else:
            assert getattr(origin, name) == value, (name, getattr(origin, name), seen)
    if origin.phase != "data" and origin.cause not in ("weights",):
        assert origin.chain, "the way from the birth to the end is told"
        assert origin.chain[-1].became
