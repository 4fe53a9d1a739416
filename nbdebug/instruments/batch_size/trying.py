"""One batch size, run: its bytes, its seconds, or that it did not fit. Nothing of it is left."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import torch

from nbdebug.batch import tensors
from nbdebug.crash.memory import is_out_of_memory
from nbdebug.crash.release import release
from nbdebug.errors import NbdebugError, first_line
from nbdebug.instruments.batch_size.result import FITS, NO_MARGIN, OUT_OF_MEMORY, RAISED, Size
from nbdebug.step_cost import Batches, Stepper, held_bytes, peak_bytes, resident_bytes, timed
from nbdebug.step_cost.clock import Timing, once
from nbdebug.step_cost.peak import bytes_of
from nbdebug.training_setup import TrainingSetup

OWN = 32 * 2**20  # bytes that the interpreter and torch take when something runs for the first time; our choice


class Trying:
    """Runs steps of a lent setup on batches of any size.

    Attributes:
        held: bytes of weights, buffers and the optimizers' state, as far as a step has made it.
    """

    def __init__(self, setup: TrainingSetup, batches: Batches) -> None:
        self.setup, self.batches = setup, batches
        self.step = Stepper(setup)
        self.held = float(held_bytes(setup))
        self._beside = 0.0  # bytes that the process takes beyond each that torch's allocator gives out

    def tried(self, samples: int, *, room: float | None, seconds: float) -> Size:
        """The size, measured; out of memory is an answer like any other.

        Args:
            room: bytes within which the margin is left; None: unlimited.
            seconds: for the repetitions.
        """
        try:
            batch = self.batches.make(samples)
            walking, updating = self._peaks(batch)
            needed = max(walking, updating)
            timing = timed(lambda: self.step(batch), self.setup.device, seconds=seconds)
            outcome = FITS if room is None or needed <= room else NO_MARGIN
            return Size(samples, outcome, needed, False, timing.seconds, timing.low, timing.high, timing.repeats, "", walking, updating)
        except (NbdebugError, RuntimeError, MemoryError) as error:
            cause = error.__cause__ or error
            lacking = isinstance(cause, MemoryError) or (isinstance(cause, Exception) and is_out_of_memory(cause))
            failed = Size(samples, OUT_OF_MEMORY if lacking else RAISED, why=first_line(error))
            release(error)  # its frames hold the tensors that did not fit
        finally:
            self._clear()
        gc.collect()
        return failed

    def timed_by_turns(self, sizes: list[Size], rounds: int) -> dict[int, Size]:
        """The same sizes with other seconds, each round one step of each; nothing where one of them does not run any more."""
        taken: dict[int, list[float]] = {size.samples: [] for size in sizes}
        try:
            made = {samples: self.batches.make(samples) for samples in taken}
            for number in range(rounds + 1):
                for samples, batch in made.items():
                    seconds = once(lambda batch=batch: self.step(batch), self.setup.device)
                    if number:  # the first round warms up
                        taken[samples].append(seconds)
        except (NbdebugError, RuntimeError, MemoryError) as error:
            release(error)
            return {}
        finally:
            self._clear()
        timings = {samples: Timing.of(seconds) for samples, seconds in taken.items()}
        return {
            s.samples: replace(s, seconds=t.seconds, low=t.low, high=t.high, repeats=t.repeats) for s in sizes for t in [timings[s.samples]]
        }

    def _peaks(self, batch: Any) -> tuple[float, float]:
        """Bytes at the peak of forward and backward, and of the update.

        The first step of all makes the optimizers' state, and so is made twice. On the CPU the libraries of convolutions take memory of
        their own beside torch's allocator: what the process grew by beyond it is added in proportion.
        """
        before, held = resident_bytes(), self.held
        self.step(batch)
        after = resident_bytes()  # before the profiler's own memory comes to it
        walking, updating = self._both(batch)
        if held_bytes(self.setup) > self.held:
            self.held = float(held_bytes(self.setup))
            walking, updating = self._both(batch)
        there = self.held + bytes_of(tensor for _, tensor in tensors(batch) if tensor.device.type == self.setup.device.type)
        if self.setup.device.type == "cpu" and before is not None and after is not None and after[1] > before[1]:  # else an earlier peak hides ours
            own = after[1] - before[0] - (self.held - held) - max(walking, updating)
            self._beside = own / walking if own > OWN and walking else 0.0
        return there + (1 + self._beside) * walking, there + updating

    def _both(self, batch: Any) -> tuple[int, int]:
        device = self.setup.device
        walking = peak_bytes(lambda: self.step.walk(batch), device)
        gradients = bytes_of(p.grad for p in self.setup.model.parameters() if p.grad is not None)
        return walking, gradients + peak_bytes(self.step.update, device)

    def _clear(self) -> None:
        self.step.clear()
        if self.setup.device.type == "cuda":
            torch.cuda.empty_cache()
