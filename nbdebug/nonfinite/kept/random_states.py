"""The random states of a process, cheap enough to be read at every step."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nbdebug.untouched.process import Setting, random_states_of

NUMPY = "random state: NumPy"
WORDS = 624  # of the Mersenne Twister, and behind them its position


class RandomStates:
    """Python's, NumPy's, torch's, those of the devices in use and of the generators that are told."""

    def __init__(self, device: str = "cpu", generators: Mapping[str, Any] | None = None) -> None:
        self._device, self._generators = device, dict(generators or {})
        self._numpy = _NumpyState()
        self._settings: list[Setting] = []
        self._cuda = False

    def read(self) -> list[tuple[Setting, Any]]:
        """Each state as it is now, with what writes it back."""
        if not self._settings or torch.cuda.is_initialized() != self._cuda:  # the first draw on a device makes its state
            self._cuda = torch.cuda.is_initialized()
            self._settings = [
                Setting(s.name, self._numpy.read, s.write) if s.name == NUMPY else s
                for s in random_states_of(self._device, self._generators)
            ]
        return [(setting, setting.read()) for setting in self._settings]


class _NumpyState:
    """NumPy builds its state word by word in 25 µs; whether anybody has drawn since can be seen in 1 µs."""

    def __init__(self) -> None:
        self._state: Any = None  # as last built
        self._generator: Any = None  # whose memory is looked at; None: it has to be built each time
        self._words: Any = None  # that memory, and
        self._then = b""  # what it held

    def read(self) -> Any:
        if self._generator is not None and _generator() is self._generator and self._words.raw == self._then:
            return self._state
        self._state = np.random.get_state()
        self._generator = None
        kind, key, position, has_gauss = self._state[:4]
        if kind == "MT19937" and not has_gauss:  # a second normal number in store is taken without moving the generator
            self._look(_generator(), np.append(key, np.uint32(position)).tobytes())
        return self._state

    def _look(self, generator: Any, expected: bytes) -> None:
        if generator is None:
            return
        self._words = (ctypes.c_char * (4 * (WORDS + 1))).from_address(generator.ctypes.state_address)
        if self._words.raw == expected:  # laid out as we think
            self._generator, self._then = generator, expected


def _generator() -> Any:
    """NumPy's global generator, which it has no public name for in all its versions."""
    return getattr(getattr(np.random.mtrand, "_rand", None), "_bit_generator", None)
