"""How much memory this process holds."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable

import torch

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
CLOSED = -1


class Memory:
    """Asked again and again: the file that tells stays open, because opening it costs ten times as much as reading it."""

    def __init__(self) -> None:
        self._file = CLOSED
        self._closes: Callable[[], object] = bool

    def held(self) -> float:
        """MB: on its accelerator when it uses one, else resident in RAM."""
        if torch.cuda.is_initialized():
            return torch.cuda.memory_allocated() / 2**20
        try:
            if self._file == CLOSED:
                self._file = os.open("/proc/self/statm", os.O_RDONLY)
                self._closes = weakref.finalize(self, os.close, self._file)
            return int(os.pread(self._file, 256, 0).split()[1]) * PAGE / 2**20
        except (OSError, AttributeError, ValueError, IndexError):  # not Linux, or the loop closed a file that is not its own
            import resource

            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

    def close(self) -> None:
        self._file = CLOSED
        self._closes()
