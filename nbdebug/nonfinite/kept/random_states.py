"""The random states of a process, cheap enough to be read at every step."""

from __future__ import annotations

import ctypes
import random
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nbdebug.untouched.process import Setting, random_states_of

PYTHON, NUMPY, TORCH = "random state: Python", "random state: NumPy", "random state: torch"
WORDS = 624  # of the Mersenne Twister, and its position: behind them in NumPy, before them in Python


class RandomStates:
    """Python's, NumPy's, torch's, those of the devices in use and of the generators that are told."""

    def __init__(self, device: str = "cpu", generators: Mapping[str, Any] | None = None) -> None:
        self._device, self._generators = device, dict(generators or {})
        self._quick = {PYTHON: _PythonState().read, NUMPY: _NumpyState().read, TORCH: torch.default_generator.get_state}
        self._settings: list[Setting] = []
        self._cuda = False

    def read(self) -> list[tuple[Setting, Any]]:
        """Each state as it is now, with what writes it back."""
        if not self._settings or torch.cuda.is_initialized() != self._cuda:  # the first draw on a device makes its state
            self._cuda = torch.cuda.is_initialized()
            self._settings = [Setting(s.name, self._quick.get(s.name, s.read), s.write) for s in random_states_of(self._device, self._generators)]
        return [(setting, setting.read()) for setting in self._settings]


class _Twister:
    """A state is built word by word, in 10 µs by Python and in 25 by NumPy; whether anybody has drawn since can be seen in 1 µs."""

    def __init__(self) -> None:
        self._state: Any = None  # as last built
        self._known: Any = None  # the generator whose memory is laid out as we think
        self._words: Any = None  # that memory
        self._then: tuple[int, ...] = ()  # what it held at both ends; nothing: it does not tell everything

    def _stands(self, generator: Any) -> bool:
        return bool(self._then) and generator is self._known and self._ends() == self._then

    def _ends(self) -> tuple[int, ...]:
        """The position and three words: any draw moves the one, and 624 of them, or another seed, change every word."""
        words = self._words
        return words[0], words[1], words[WORDS - 1], words[WORDS]

    def _begin(self, generator: Any) -> None:
        """Before the state is built: who draws meanwhile is noticed."""
        self._then = self._ends() if self._known is not None and generator is self._known else ()

    def _look(self, generator: Any, address: int, expected: list[int]) -> None:
        """Whether its memory can be looked at from now on."""
        words = (ctypes.c_uint32 * (WORDS + 1)).from_address(address)
        if words[:] == expected:
            self._known, self._words = generator, words
            self._then = self._ends()


class _PythonState(_Twister):
    def read(self) -> Any:
        generator = getattr(random, "_inst", None)
        if self._stands(generator) and generator.gauss_next is None:
            return self._state
        self._begin(generator)
        self._state = random.getstate()
        _, words, gauss = self._state
        if gauss is not None:
            self._then = ()
        elif not self._then and _is_ours(generator):
            self._look(generator, id(generator) + object.__basicsize__, [words[-1], *words[:-1]])
        return self._state


class _NumpyState(_Twister):
    def read(self) -> Any:
        generator = _generator()
        if self._stands(generator):
            return self._state
        self._begin(generator)
        self._state = np.random.get_state()
        if isinstance(self._state, dict):  # a generator of another kind
            self._then = ()
            return self._state
        kind, key, position, has_gauss = self._state[:4]
        if has_gauss:  # a second normal number in store is taken without moving the generator
            self._then = ()
        elif not self._then and generator is not None and kind == "MT19937":
            self._look(generator, generator.ctypes.state_address, [*key.tolist(), position])
        return self._state


def _is_ours(generator: Any) -> bool:
    """Whether an object of Python's own class lies where its id says, and is as large as it must be."""
    big_enough = random.Random.__basicsize__ >= object.__basicsize__ + 4 * (WORDS + 1)
    return type(generator) is random.Random and sys.implementation.name == "cpython" and big_enough


def _generator() -> Any:
    """NumPy's global generator, which it has no public name for in all its versions."""
    return getattr(getattr(np.random.mtrand, "_rand", None), "_bit_generator", None)
