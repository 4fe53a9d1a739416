"""Judging a Function on its own: is what its backward answers the derivative of its forward?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nbdebug.instruments.gradcheck.alone import Alone, fitted, is_floating
from nbdebug.instruments.gradcheck.functions import Call, argument_names
from nbdebug.instruments.gradcheck.relation import relation
from nbdebug.instruments.gradcheck.result import BY_DESIGN, KINK, NOT_CHECKED, SOUND, WRONG
from nbdebug.instruments.gradcheck.taylor import Along

CHANGED = (
    "its backward is right on its own and wrong in this training: what it kept from its forward was changed before it was read "
    "(written in place, or kept outside ctx and overwritten by a later call)"
)
ONLY_HERE = "right for the gradient that arrives here, wrong for another: is grad_output used?"


@dataclass(frozen=True)
class Judged:
    """What became of one input of a call."""

    position: int
    argument: str
    verdict: str
    reason: str
    error: float
    largest: float = 0.0  # error of a single element, relative to the largest
    is_flat: bool = False  # whether the output does not move with it


def judge(call: Call, wide: bool) -> list[Judged]:
    """Judges every input of a recorded call whose gradient was needed. What the user's code raises goes through."""
    alone, names = Alone(call, wide), argument_names(call.cls)
    positions = [i for i, a in enumerate(call.args) if i < len(call.wanted) and call.wanted[i] and is_floating(a)]
    found = [replace(_judged(alone, i), argument=names[i] if i < len(names) else f"input {i}") for i in positions]
    if any(j.is_flat for j in found):  # a quantiser: its learned scale follows an estimator, too
        reason = "it passes gradients through a flat forward, so this one belongs to an estimator too"
        found = [replace(j, verdict=BY_DESIGN, reason=reason) if j.verdict == WRONG else j for j in found]
    return found


def _judged(alone: Alone, position: int) -> Judged:
    """The answer of the real backward pass, then that of the Function alone, then alone and a little beside."""
    args, answers = alone.call.args, fitted(alone.call)
    arrived = any(g is not None and bool(g.any()) for g in alone.cotangents)
    if not arrived:
        alone.cotangents = alone.arriving_at_random()
        answers = alone.answers(args)
    worst = alone.worst(args, answers, position)
    if worst.is_unclear:
        return _told(position, NOT_CHECKED, "too coarse to be measured", worst)
    if not worst.is_wrong:
        return _told(position, SOUND, ONLY_HERE if _fails_for_another(alone, position) else "", worst)
    if arrived and not alone.worst(args, alone.answers(args), position).is_wrong:
        return _told(position, WRONG, CHANGED, worst)
    moved = alone.moved(args)
    beside = alone.worst(moved, alone.answers(moved), position)
    if not beside.is_wrong and not beside.is_unclear and not beside.is_flat:
        return _told(position, KINK, "this point is a kink: a little beside it backward is right", worst)
    found = relation(alone, position, answers[position], args)
    return replace(_told(position, found.verdict, found.reason, worst), largest=found.largest, is_flat=found.is_flat)


def _fails_for_another(alone: Alone, position: int) -> bool:
    """Whether the answer is wrong when another gradient arrives, which only a training with another loss would show."""
    moved, arriving = alone.moved(alone.call.args), alone.arriving_at_random()
    answers = alone.answers(moved, arriving)
    if not alone.worst(moved, answers, position, arriving).is_wrong:
        return False
    return relation(alone, position, answers[position], moved, arriving).verdict == WRONG


def _told(position: int, verdict: str, reason: str, worst: Along) -> Judged:
    return Judged(position, "", verdict, reason, worst.error)
