"""The bare step, and the same step with a look at the clock between its phases."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from nbdebug.instruments.profile.ranges import named_ranges
from nbdebug.instruments.profile.result import Phase
from nbdebug.step_cost import Stepper, Timing, wait
from nbdebug.step_cost.clock import once
from nbdebug.training_setup import TrainingSetup

MOVING, FORWARD, LOSS, BACKWARD, UPDATE, CLEARING = "moving", "forward", "loss", "backward", "optimizer step", "zero_grad"
PHASES = (MOVING, FORWARD, LOSS, BACKWARD, UPDATE, CLEARING)


def by_turns(step: Stepper, batch: Any, *, steps: int) -> tuple[Phase, tuple[Phase, ...], float]:
    """The bare step, its phases, and how many times as long the step takes with ranges around all modules.

    The three take turns, so that a drift of the machine cancels out; medians over the steps. On CUDA the device is waited for between
    phases, so that their sum is no faster than the step.

    Args:
        batch: as the loader gave it, not moved yet.
    """
    plain, ranged, device = [], [], step.setup.device
    taken: dict[str, list[float]] = {name: [] for name in PHASES}
    for _ in range(steps):
        plain.append(once(lambda: step(batch), device))
        for name, seconds in _one(step, batch).items():
            taken[name].append(seconds)
        with named_ranges(step.setup.model):
            ranged.append(once(lambda: step(batch), device))
    bare = _phase("the bare step", plain)
    dearer = min(ranged) / max(min(plain), 1e-9)  # the fastest of each: what else the machine does only ever adds
    return bare, tuple(_phase(name, seconds) for name, seconds in taken.items()), dearer


def busy_threads(step: Stepper, batch: Any, *, steps: int) -> float:
    """Processor time of this process over the time that passed on all of torch's threads."""
    started, used = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step(batch)
    passed = (time.perf_counter() - started) * torch.get_num_threads()
    return min(1.0, (time.process_time() - used) / passed) if passed > 0 else 0.0


def _phase(name: str, taken: list[float]) -> Phase:
    timing = Timing.of(taken)
    return Phase(name, timing.seconds, timing.low, timing.high)


def _one(step: Stepper, batch: Any) -> dict[str, float]:
    setup, seconds = step.setup, dict.fromkeys(PHASES, 0.0)
    clock = _Clock(setup.device)
    moved = setup.moved(batch)
    seconds[MOVING] = clock.lap()
    with _model_timed(setup) as calls:
        loss = setup.loss(moved)
        whole = clock.lap()
    seconds[FORWARD] = sum(calls) if calls else whole  # a batch_loss may not call the model itself, only its parts
    seconds[LOSS] = max(0.0, whole - seconds[FORWARD])
    setup.backward(loss)
    seconds[BACKWARD] = clock.lap()
    with _updated(clock) as updates:
        step.update()
    seconds[UPDATE] = sum(updates)
    seconds[CLEARING] = clock.lap()
    return seconds


class _Clock:
    def __init__(self, device: torch.device) -> None:
        self.device = device
        wait(device)
        self.last = time.perf_counter()

    def lap(self) -> float:
        wait(self.device)
        before, self.last = self.last, time.perf_counter()
        return self.last - before


@contextlib.contextmanager
def _model_timed(setup: TrainingSetup) -> Iterator[list[float]]:
    """Seconds of each call of the model itself."""
    calls: list[float] = []
    begun: list[float] = []

    def enter(module: Any, args: Any) -> None:
        if module is setup.model:
            wait(setup.device)
            begun.append(time.perf_counter())

    def leave(module: Any, args: Any, output: Any) -> None:
        if module is setup.model and begun:
            wait(setup.device)
            calls.append(time.perf_counter() - begun.pop())

    with contextlib.ExitStack() as stack:
        stack.callback(register_module_forward_pre_hook(enter).remove)
        stack.callback(register_module_forward_hook(leave).remove)
        yield calls


@contextlib.contextmanager
def _updated(clock: _Clock) -> Iterator[list[float]]:
    """Seconds up to the end of each optimizer's step; what comes after the last is the clearing."""
    laps: list[float] = []
    hook = register_optimizer_step_post_hook(lambda *_: laps.append(clock.lap()))
    try:
        yield laps
    finally:
        hook.remove()
