"""Which of the changes is likely to be the reason: the curves are asked where a difference begins.

The loss of the first step is measured before the first update. When it is the same in both runs, nothing that is computed from data, model and
weights has changed for that batch, and what matters acts through the update; when it is another, the update alone cannot be the reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nbdebug.training.record.comparing.result import (
    EITHER,
    FORWARD,
    LENGTH,
    NOWHERE,
    UPDATE,
    Change,
    Line,
    Side,
)

SAME = 1e-4  # relative difference of two losses that other kernels or another machine may make; our choice: float32 differs by 1e-6 a step, bf16 rounds at 4e-3
FOR, AGAINST = 2.0, 0.4  # what the first loss makes of a suspicion; our choice
ENDINGS = {"failed": "failed", "interrupted": "was interrupted", "lost": "was lost: the kernel that looked after it is gone"}
NAMED = 3  # changes that the sentence spells out
NOTICEABLE = 0.02  # relative difference at the end from which one run is called worse; our choice


@dataclass(frozen=True)
class Course:
    """How two curves go beside each other."""

    first: tuple[float, float] | None  # loss of step 1, before any update
    parts: int | None  # the first step at which they differ; None: they do not
    common: int  # steps that both have told


def course_of(lines: Sequence[Line]) -> Course:
    loss = next((line for line in lines if line.name == "loss"), None) or next(iter(lines), None)
    if loss is None:
        return Course(None, None, 0)
    a, b = (dict(zip(steps, values, strict=True)) for steps, values in zip(loss.steps, loss.values, strict=True))
    common = sorted(a.keys() & b.keys())
    parts = next((int(step) for step in common if not alike(a[step], b[step])), None)
    return Course((a[1.0], b[1.0]) if 1.0 in common and loss.name == "loss" else None, parts, len(common))


def alike(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= SAME * max(abs(a), abs(b))


def ranked(changes: Sequence[Change], course: Course) -> tuple[Change, ...]:
    """The likeliest first."""
    return tuple(sorted((replace(change, weight=round(change.weight * _factor(change, course), 3)) for change in changes), key=lambda change: -change.weight))


def _factor(change: Change, course: Course) -> float:
    if change.acts == NOWHERE:
        return 0.05
    if change.acts == LENGTH:  # where the curves go apart before the shorter one ends, length is not the reason
        return 0.3 if course.parts is not None else 3.0
    if course.first is None or change.acts == EITHER:
        return 1.0
    same = alike(*course.first)
    if change.acts == UPDATE:
        return FOR if same else 1.0  # it may still be what matters later on
    return AGAINST if same and change.acts == FORWARD else 1.0


def sentence(a: Side, b: Side, changes: Sequence[Change], course: Course, ends: tuple[str, float, float, bool] | None) -> str:
    """How they differ in the end, what the curves say of the reason, and what is suspected.

    Args:
        ends: what is monitored, its last value in a and b, and whether more is better.
    """
    suspects = [change for change in changes if change.acts != NOWHERE]
    parts = [*_outcome(a, b, ends), *_said_of_course(course)]
    if suspects:
        named = [change.words or f"{change.what} ({change.a} → {change.b})" for change in suspects[:NAMED]]
        more = f"; and {len(suspects) - NAMED} more" if len(suspects) > NAMED else ""
        parts.append(f"Most likely: {'; then '.join(named)}{more}." if len(suspects) > 1 else f"The only thing of consequence that changed is {named[0]}.")
    elif course.parts is not None:
        parts.append("Nothing of consequence that is recorded changed: what is left is chance (an operation that is not deterministic) and what no record holds.")
    else:
        parts.append("Nothing of consequence that is recorded changed.")
    return " ".join(parts)


def _outcome(a: Side, b: Side, ends: tuple[str, float, float, bool] | None) -> list[str]:
    said = [f"{side} {ENDINGS[one.state]}{f': {one.failure}' if one.failure else ''}." for side, one in (("a", a), ("b", b)) if one.state in ENDINGS]
    if ends is None:
        return said
    name, one, other, more_is_better = ends
    beside = f"{name} is {one:.4g} at the end of a and {other:.4g} at the end of b"
    if math.isfinite(one) != math.isfinite(other):
        return [*said, f"{beside}: {'b' if math.isfinite(one) else 'a'} left the finite numbers."]
    if not math.isfinite(one) or abs(one - other) <= NOTICEABLE * max(abs(one), abs(other)):
        return [*said, f"{beside}, about the same."]
    worse = "b" if (other < one) == more_is_better else "a"
    return [*said, f"{beside}: {worse} is worse."]


def _said_of_course(course: Course) -> list[str]:
    if not course.common:
        return []
    if course.parts is None:
        return [f"The curves are the same at all {course.common} steps that both have told."]
    if course.first is None:
        return [f"The curves part at step {course.parts}."]
    one, other = course.first
    if alike(one, other):
        return [f"The first loss, before any update, is the same in both ({one:.4g}), and the curves part at step {course.parts}: what matters acts through the update, or on later batches."]
    return [f"The first loss, before any update, is another already ({one:.4g} in a, {other:.4g} in b): data, model, beginning weights, seed or loss differ."]
