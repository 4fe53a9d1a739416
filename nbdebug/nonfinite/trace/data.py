"""What was bad before the step began: the batch, by sample and column, and the models' own numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from nbdebug.batch import TARGET_NAMES, tensors
from nbdebug.listening import plain_path
from nbdebug.nonfinite.trace.events import BUFFER, DATA, ENTERED, WEIGHTS, Event, Place
from nbdebug.nonfinite.values import bad_places, has_bad, kind, measured, memory_of, stored

PART = re.compile(r"\['(.*?)'\]|\[(.*?)\]|\.(\w+)")  # of a place such as ['b'][1].data
MOST = 4096  # bad numbers of one tensor that are told apart; beyond that the samples are, beyond that nothing is
NOWHERE = Place("data", "", "", None)


def mark_outside(recorder: Any, models: Iterable[nn.Module], batch: Any, indices: tuple[int, ...] | None) -> None:
    """Names the batch's tensors and the models' own, and marks what is bad in them."""
    for name, tensor in _named_batch(batch):
        _know(recorder, name, tensor)
        if has_bad(tensor):
            _mark_samples(recorder, name, tensor, indices)
    stale: Event | None = None
    for model in models:
        for path, parameter in model.named_parameters():
            path = plain_path(path)
            if is_lazy(parameter):
                continue
            _know(recorder, _spoken(path), parameter)
            if has_bad(parameter):
                _mark(recorder, WEIGHTS, path, parameter, f"{path} was not finite before this step began")
            if parameter.grad is not None and has_bad(parameter.grad):
                stale = _mark_gradient(recorder, path, parameter.grad, stale)
        for path, buffer in model.named_buffers():
            path = plain_path(path)
            if is_lazy(buffer):
                continue
            _know(recorder, _spoken(path), buffer)
            if not has_bad(buffer):
                recorder.finite_buffers.add(id(buffer))
            else:
                what = WEIGHTS if kind(buffer) == "nan" else BUFFER  # an infinite one is a mask or a bound
                _mark(recorder, what, path, buffer, f"the buffer {path} was not finite before this step began")


def _mark_gradient(recorder: Any, path: str, gradient: Tensor, stale: Event | None) -> Event | None:
    """One birth for all gradients that an earlier step left behind."""
    values = stored(gradient)
    if values is None:
        return stale
    if stale is None:
        said = f"the gradient of {path} was not finite before this step began"
        stale = recorder.birth(ENTERED, "", replace(NOWHERE, phase="backward"), became=kind(values), output=measured(f"gradient of {path}", values), detail=said)
    recorder.marks.put(values, stale.number, bad_places(values), stale)
    return stale


def know_carried(recorder: Any, carried: Mapping[str, Any]) -> None:
    """Names what the variables of the step before hold, whatever memory has no other name."""
    for name, value in carried.items():
        for _, tensor in tensors(value):
            memory = memory_of(tensor)
            if memory is not None and memory not in recorder.names:
                recorder.names[memory] = f"variable `{name}`"
                recorder.carried.add(memory)


def _named_batch(batch: Any) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the batch, as the reader calls it: of a pair "inputs" and "targets", of a mapping its keys."""
    found = [(tuple("".join(part) for part in PART.findall(path)), tensor) for path, tensor in tensors(batch)]
    for parts, tensor in found:
        key = parts[-1] if parts else ""
        beside = [other for other, _ in found if other[:-1] == parts[:-1]]
        if not key.isdigit():
            yield ("targets" if key in TARGET_NAMES else key or "inputs"), tensor
        elif len(beside) > 1 and parts == beside[-1]:
            yield "targets", tensor
        else:
            yield ("inputs" if len(beside) <= 2 else f"inputs[{key}]"), tensor


def _spoken(path: str) -> str:
    module, _, name = path.rpartition(".")
    return f"{name} of {module}" if module else name


def _know(recorder: Any, name: str, tensor: Tensor) -> None:
    memory = memory_of(tensor)
    if memory is not None:
        recorder.names.setdefault(memory, name)


def _mark(recorder: Any, what: str, name: str, tensor: Tensor, detail: str) -> None:
    values = stored(tensor)
    if values is None:
        return
    event = recorder.birth(what, "", NOWHERE, became=kind(values), output=measured(name, tensor), detail=detail)
    event.cause = "weights" if what == WEIGHTS else "unknown"
    recorder.marks.put(values, event.number, bad_places(values), event)


def _mark_samples(recorder: Any, name: str, tensor: Tensor, indices: tuple[int, ...] | None) -> None:
    """Each bad number has a birth of its own, so that the one that mattered can be named."""
    values = stored(tensor)
    if values is None:
        return
    bad, seen = bad_places(values), measured(name, tensor)
    places = bad.nonzero()
    if values.ndim and len(places) > MOST:
        rows = bad.flatten(1).any(1).nonzero() if values.ndim > 1 else places
        places = rows if len(rows) <= MOST else rows[:0]
    births = torch.zeros(values.shape, dtype=torch.int32, device=values.device)
    first = None
    for place in places.tolist():
        event = _sample(recorder, name, values, place, seen, indices)
        first = first or event
        births[tuple(place)] = event.number
    if first is None:
        first = _sample(recorder, name, values, [], seen, indices)
        births.fill_(first.number)
    recorder.marks.put(values, births if values.ndim else int(births), bad, first)


def _sample(recorder: Any, name: str, values: Tensor, place: list[int], seen: Any, indices: tuple[int, ...] | None) -> Any:
    at = values[tuple(place)] if place else values
    event = recorder.birth(DATA, "", NOWHERE, became=kind(at.reshape(-1)), output=seen, cause="data")
    row = place[0] if place else None
    event.sample = indices[row] if row is not None and indices is not None and row < len(indices) else row
    event.column = place[1] if len(place) > 1 else None
    said = [name]
    if event.sample is not None:
        said.append(f"sample {event.sample}")
    if event.column is not None:
        said.append(f"{'column' if len(place) == 2 else 'channel'} {event.column}")
    event.detail = ", ".join(said)
    return event
