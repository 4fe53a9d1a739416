"""torch's profiler, without its words on the terminal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from nbdebug.errors import SetupError

LEVEL = "KINETO_LOG_LEVEL"  # libkineto reads it when it is first used; 5 is what it says at every start and stop


@contextlib.contextmanager
def recorded(device: torch.device, *, memory: bool) -> Iterator[profile]:
    """Records what runs in the block; read the profile after it.

    Args:
        memory: whether every allocation is noted as well.

    Raises:
        SetupError: another profiler is running.
    """
    demand_no_profiler()
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    recording = profile(activities=activities, profile_memory=memory, acc_events=True)
    with _silently():
        recording.__enter__()
    try:
        yield recording
    finally:
        with _silently():
            recording.__exit__(None, None, None)


def demand_no_profiler() -> None:
    """Raises SetupError while another profiler records: a second one would end it."""
    if torch._C._autograd._profiler_enabled():
        raise SetupError("another profiler is running, and would be ended by this one: call it outside of torch.profiler.profile()")


def allocations(recording: profile) -> Iterator[tuple[int, int, bool]]:
    """Every change of memory in order: nanoseconds, bytes (freed: below zero), whether on the CPU."""
    events = recording.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = [event for event in events if event.name() == "[memory]"]
    for event in sorted(changes, key=lambda event: event.start_ns()):
        yield event.start_ns(), event.nbytes(), event.device_type() == torch._C._autograd.DeviceType.CPU


@contextlib.contextmanager
def _silently() -> Iterator[Any]:
    said = os.environ.get(LEVEL)
    os.environ.setdefault(LEVEL, "6")
    try:
        yield
    finally:
        if said is None:
            os.environ.pop(LEVEL, None)
