"""A borrowed session in double precision: parameters, buffers, and the plain tensors in attributes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from nbdebug.untouched.session import Session

WIDER = {torch.float32: torch.float64, torch.float16: torch.float64, torch.bfloat16: torch.float64, torch.complex64: torch.complex128}


class Doubled:
    """Makes a session double; `undo` gives it its own precision back, value for value.

    The frame would do that too: undoing is for going on in single precision where double is refused.
    """

    def __init__(self, session: Session) -> None:
        self._undo: list[Callable[[], None]] = []
        try:
            self._double(session)
        except BaseException:
            self.undo()
            raise

    def undo(self) -> None:
        for undo in reversed(self._undo):
            undo()

    def _double(self, session: Session) -> None:
        usual = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        self._undo.append(lambda: torch.set_default_dtype(usual))
        for parameter in session.parameters.values():
            self._parameter(parameter)
        twins: dict[int, Tensor] = {}  # what is shared stays shared
        for place in _places(session):
            for key, value in list(enumerate(place) if isinstance(place, (list, deque)) else place.items()):
                if _is_plain_narrow(value):
                    twin = twins.setdefault(id(value), wider(value))
                    self._undo.append(lambda place=place, key=key, value=value: place.__setitem__(key, value))
                    place[key] = twin

    def _parameter(self, parameter: Tensor) -> None:
        if parameter.dtype in WIDER:
            narrow = parameter.data
            parameter.data = wider(narrow)
            self._undo.append(lambda: setattr(parameter, "data", narrow))


def wider(tensor: Tensor) -> Tensor:
    """The tensor in double precision, without its history; one that is no float as it is."""
    return tensor.detach().to(WIDER.get(tensor.dtype, tensor.dtype))


def _places(session: Session) -> Iterator[Any]:
    """The dicts and lists that may hold plain tensors of the model."""
    for module in session.modules.values():
        yield module._buffers
        yield vars(module)
    for holder in session.holders.values():
        if id(holder) not in session.data:
            yield vars(holder)
    for container in session.containers.values():
        if id(container) not in session.data and not isinstance(container, set):
            yield container


def _is_plain_narrow(value: Any) -> bool:
    plain = isinstance(value, Tensor) and type(value) is Tensor and not (value.is_leaf and value.requires_grad)
    return plain and value.dtype in WIDER and value.layout == torch.strided
