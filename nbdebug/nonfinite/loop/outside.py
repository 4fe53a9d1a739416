"""Weights and buffers that were not finite before the failing step began: no operator of the step is to blame."""

from __future__ import annotations

from dataclasses import replace

from nbdebug.listening import plain_path
from nbdebug.nonfinite.loop.trip import Trip, roots_of
from nbdebug.nonfinite.origin import Origin

WORDS = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}


def told_from_outside(trip: Trip, origin: Origin) -> Origin:
    """The same origin, with when the weight was last finite, at the line where the step first uses it."""
    if origin.cause != "weights" or not origin.chain or origin.chain[0].output is None:
        return origin
    name = origin.chain[0].output.name
    use = next((link for link in origin.chain if link.operator and link.phase != "backward"), None)
    place = {} if use is None else {"module": use.module, "file": use.file, "line": use.line, "cell": use.cell, "text": use.text}
    became = WORDS[origin.became]
    return replace(origin, phase="forward", operator="", parameter=name, detail=_since_when(trip, name, became), **place)


def _since_when(trip: Trip, name: str, became: str) -> str:
    held = {plain_path(n): t for root in reversed(roots_of(trip)) for n, t in (*root.named_parameters(), *root.named_buffers())}
    if trip.step == 0 or id(held.get(name)) in trip.bad_at_first:
        return f"{name} was already {became} when the loop began: build the model anew, or load healthy weights"
    moved = {id(p) for optimizer in trip.optimizers for group in optimizer.param_groups for p in group["params"]}
    known = id(held.get(name)) in moved or id(held.get(name)) in trip.sound_at_first
    last = f"after the update of step {trip.step - 1}" if known and trip.optimizers else "when the model was first called"
    return f"{name} was finite {last} and {became} when step {trip.step} began: something outside of the step wrote it"
