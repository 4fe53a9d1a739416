"""Random numbers of a part's own, so that reading data and training do not move each other's."""

from __future__ import annotations

import hashlib
import random
from types import TracebackType
from typing import Any

import numpy as np
import torch


def seed_of(*parts: int | str) -> int:
    """One seed from several parts, 0 to 2**32 - 1; the same everywhere, and unlike that of any other parts."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest(), "little")


def seed_process(seed: int) -> None:
    """Python's, NumPy's and torch's on the CPU; what reads data draws from no other."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)


class Apart:
    """Within it the process draws other random numbers; afterwards those from before go on, as if nothing had been drawn.

    Entered again, it goes on where it was left. NumPy's generator is exchanged and not copied, which costs 50 µs less.

    Args:
        seed: where it begins; None: whoever enters seeds by himself, and nothing is kept from one time to the next.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed, self._keeps = seed, seed is not None
        self._numpy = np.random.MT19937(0)
        self._inside: tuple[Any, Any] | None = None
        self._outside: list[tuple[Any, Any, Any]] = []

    def __enter__(self) -> Apart:
        self._outside.append((random.getstate(), torch.default_generator.get_state(), np.random.get_bit_generator()))
        np.random.set_bit_generator(self._numpy)
        if self._inside is not None:
            random.setstate(self._inside[0])
            torch.default_generator.set_state(self._inside[1])
        elif self._seed is not None:
            seed_process(self._seed)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._keeps:
            self._inside = (random.getstate(), torch.default_generator.get_state())
        python, torchs, numpys = self._outside.pop()
        random.setstate(python)
        torch.default_generator.set_state(torchs)
        np.random.set_bit_generator(numpys)
