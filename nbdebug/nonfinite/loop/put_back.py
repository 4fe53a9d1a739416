"""After the stop: weights, states and statistics that the failing step spoilt, as they were before it, and what could not be put back."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nbdebug.listening import plain_path
from nbdebug.nonfinite.finite import has_nonfinite
from nbdebug.nonfinite.loop.trip import Trip, names_of, roots_of
from nbdebug.nonfinite.twin import is_ruined, moments

MOST_NAMED = 3  # tensors that a sentence names; our choice


def put_back(trip: Trip) -> tuple[str, ...]:
    """Writes to the user's model, so only for a loop that is left. Returns what was done, and what is still spoilt, in sentences."""
    return (*_weights(trip), *_buffers(trip))


def _weights(trip: Trip) -> Iterator[str]:
    """Those that the update of this step spoilt; others are what they were."""
    if trip.stepped is None or not (bad := _spoilt(trip)):
        return
    kind = type(trip.stepped).__name__
    if trip.before is not None:
        trip.before.restore()
        yield f"the weights and the state of {kind} were put back to what they were before the update of step {trip.step}"
        bad = _spoilt(trip)
    if bad:
        yield f"{_listed(bad)} {'is' if len(bad) == 1 else 'are'} not finite now: build model and optimizer anew, or load healthy weights"


def _spoilt(trip: Trip) -> list[str]:
    names, found = names_of(trip), []
    for group in trip.stepped.param_groups:
        for p in (p for p in group["params"] if id(p) not in trip.bad_at_first):
            states = [key for key, state in moments(p, trip.stepped.state.get(p)) if is_ruined(trip.stepped, state)]
            found += [names[id(p)]] if has_nonfinite(p) else [f"{key} of {names[id(p)]}" for key in states]
    return found


def _buffers(trip: Trip) -> Iterator[str]:
    """Statistics that the failing forward pass computed."""
    named = {plain_path(name): b for model in reversed(roots_of(trip)) for name, b in model.named_buffers()}
    spoilt = {name: b for name, b in named.items() if id(b) in trip.sound_at_first and has_nonfinite(b)}
    if not spoilt:
        return
    values = _values_then(trip)
    back = [name for name, b in spoilt.items() if id(b) in values and not has_nonfinite(values[id(b)])]
    for module in {name.rpartition(".")[0] for name in back}:
        _write(module, named, values)
    if back:
        it = "was put back to what it was" if len(back) == 1 else "were put back to what they were"
        yield f"{_listed(back)} {it} when step {trip.step} began, whose forward pass had spoilt {'it' if len(back) == 1 else 'them'}"
    if left := [name for name in spoilt if name not in back]:
        yield f"{_listed(left)} {'is' if len(left) == 1 else 'are'} not finite now: call reset_running_stats() of that layer"


def _write(module: str, named: dict[str, Tensor], values: dict[int, Tensor]) -> None:
    """All of a module's statistics together, for they belong together."""
    with torch.no_grad():
        for name, buffer in named.items():
            if name.rpartition(".")[0] == module and id(buffer) in values:
                buffer.copy_(values[id(buffer)])


def _values_then(trip: Trip) -> dict[int, Tensor]:
    """id of a buffer → its values when the step began, as far as they were kept."""
    moment = next((m for m, _ in trip.passes.candidates(trip.frame)), None)
    if moment is not None:
        return moment.buffers()
    return trip.passes.bare.values() if trip.passes.bare is not None else {}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
