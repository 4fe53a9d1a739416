"""Bytes: what a training holds between two steps, and how much more a step takes at its peak."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from nbdebug.batch import tensors
from nbdebug.step_cost.recording import allocations, recorded
from nbdebug.training_setup import TrainingSetup


def held_bytes(setup: TrainingSetup) -> int:
    """Weights, buffers and the state of the optimizers; each memory once."""
    state = (t for o in setup.optimizers for values in o.state.values() for _, t in tensors(dict(values)))
    return bytes_of((*setup.model.parameters(), *setup.model.buffers(), *state))


def bytes_of(held: Iterable[Tensor]) -> int:
    """Bytes of tensors that may share their memory."""
    sizes: dict[int, int] = {}
    for tensor in held:
        if tensor.layout != torch.strided or tensor.is_meta:
            sizes[id(tensor)] = tensor.numel() * tensor.element_size()
        else:
            place = tensor.untyped_storage()
            sizes[place.data_ptr()] = place.nbytes()
    return sum(sizes.values())


def resident_bytes() -> tuple[int, int] | None:
    """What the process has of the machine's memory, now and at most so far; None where the system does not tell.

    What was freed before is given back to the machine first, where the C library can, so that it is not counted.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            lines = dict(line.split(":", 1) for line in status)
        return 1024 * int(lines["VmRSS"].split()[0]), 1024 * int(lines["VmHWM"].split()[0])
    except (OSError, KeyError, ValueError):
        return None


def peak_bytes(run: Callable[[], Any], device: torch.device) -> int:
    """How many more bytes than before were allocated on the device at the worst moment of a run.

    On CUDA torch's own counter is asked, which is set back for it; on the CPU every allocation is noted by torch's profiler. What
    libraries take beside torch's allocator is not in it.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with recorded(device, memory=True) as recording:
        run()
    now = peak = 0
    for _, change, on_cpu in allocations(recording):
        if on_cpu == (device.type == "cpu"):
            now += change
            peak = max(peak, now)
    return peak
