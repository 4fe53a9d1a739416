"""The instrument: the step taken apart, then each candidate tried."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from nbdebug.counterfactual import in_training_mode
from nbdebug.data.running import Box
from nbdebug.errors import SetupError, first_line
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.profile import phases
from nbdebug.instruments.profile.gains import Candidate, Judge, computing
from nbdebug.instruments.profile.gains import modules as parts
from nbdebug.instruments.profile.gains.loading import loaded_otherwise
from nbdebug.instruments.profile.kept import kept_bytes
from nbdebug.instruments.profile.modules import by_module
from nbdebug.instruments.profile.operators import by_operator
from nbdebug.instruments.profile.result import Profile
from nbdebug.instruments.profile.waiting import waited
from nbdebug.step_cost import Batches, Stepper, demand_no_profiler, held_bytes, peak_bytes, rates_at_zero
from nbdebug.step_cost.clock import once
from nbdebug.training_setup import TrainingSetup

TURNS, WAITING = 0.2, 0.1  # shares of the budget for the phases; for the loop with its loader, and for each look through the profiler
CROWDED = 0.7  # share of the processor's time below which others use the machine; our choice
RECORDED = 3  # steps under the profiler: more of them say the same, and reading them takes as long as running them
UNLIMITED = 600.0  # seconds, where no budget is given


@instrument("train_loader", "optimizer", trains=True, title="profile", level="optimisation", result=Profile)
def profile(
    setup: TrainingSetup, *, steps: int = 10, gains: bool = True, compile: bool = False, trace: str | None = None,  # noqa: A002
    budget: float | None = "20 s",
) -> Iterator[Profile]:  # fmt: skip
    """Where a step's time and memory go, by phase, module and operator; and the two cheapest gains, tried.

    Runs whole training steps on borrowed weights. Each candidate (autocast, channels_last, fused optimizer, workers, threads, a larger
    batch, checkpointing) runs by turns with the step as it is, and is offered only when it gains more than noise and computes the same.

    Args:
        steps: that each phase is timed for, and that the loop with its loader makes.
        gains: whether candidates are tried.
        compile: whether torch.compile is among them; its first step takes from seconds to minutes.
        trace: a .json file to write for chrome://tracing or ui.perfetto.dev.
        budget: seconds for all of it; candidates for which there is no time are named.

    Raises:
        SetupError: the loss has no graph, another profiler is running, or the file cannot be written.
    """
    demand_at_least(1, steps=steps)
    if trace is not None:
        _demand_writable(trace)
    demand_no_profiler()
    in_training_mode(setup)
    look = _Look(setup, steps, Box(UNLIMITED if budget is None else budget))
    with rates_at_zero(setup):
        yield from look.taken_apart(trace)
    if gains:
        yield from look.tried(compile)


def _demand_writable(trace: str) -> None:
    folder = os.path.dirname(os.path.abspath(trace))
    if not trace.endswith((".json", ".json.gz")) or not os.path.isdir(folder):
        raise SetupError(f"trace must name a .json or .json.gz file in a folder that exists, got {trace!r}")


@dataclass
class _Look:
    """What was measured so far."""

    setup: TrainingSetup
    steps: int
    box: Box
    result: Profile = field(default_factory=Profile)
    kept: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.batches = Batches(self.setup.train_loader)
        self.batch = self.setup.moved(self.batches.batch)
        self.step = Stepper(self.setup)

    def taken_apart(self, trace: str | None) -> Iterator[Profile]:
        setup, step, batch = self.setup, self.step, self.batch
        self._add(samples=self.batches.own, device=str(setup.device), threads=torch.get_num_threads())
        yield self.result
        step(batch)  # the first step of all chooses kernels, and makes the optimizers' state
        seconds = once(lambda: step(batch), setup.device)
        bare, apart, ranged = phases.by_turns(step, self.batches.batch, steps=self._fitting(self.steps, TURNS, 3 * seconds))
        self._add(bare=bare, phases=apart, ranged=ranged)
        yield self.result
        waiting = waited(step, self.box.part(WAITING), steps=self.steps, notes=self.notes)
        self._add(waiting=waiting, held=held_bytes(setup), peak=peak_bytes(lambda: step(batch), setup.device))
        yield self.result
        few = self._fitting(min(RECORDED, self.steps), WAITING, bare.seconds)
        self.kept = kept_bytes(setup, batch, self.notes)
        found = by_module(step, batch, steps=few, kept=self.kept)
        busy = found.device_busy if setup.device.type == "cuda" else phases.busy_threads(step, batch, steps=few)
        if setup.device.type == "cpu" and torch.get_num_threads() == 1 and busy < CROWDED:
            self.notes.append(f"this process had the processor only {busy:.0%} of the time: others use the machine, and seconds say less than shares")
        self._add(modules=found.modules, busy=busy, trace=self._written(found.recording, trace))
        del found
        yield self.result
        operators, halts = by_operator(step, batch, steps=few)
        self._add(operators=operators, halts=halts)
        yield self.result

    def _fitting(self, steps: int, share: float, seconds: float) -> int:
        """As many steps as fit into a share of the budget, at least one."""
        return max(1, min(steps, int(share * self.box.seconds / max(seconds, 1e-9))))

    def tried(self, compile: bool) -> Iterator[Profile]:  # noqa: A002
        """Each candidate in turn."""
        judge = Judge(self.setup, self.batch, self.result.bare.seconds if self.result.bare is not None else 0.0)
        candidates = list(self._candidates(compile))
        with rates_at_zero(self.setup):
            gain = loaded_otherwise(self.step, self.result.waiting, self.box.part(0.3), self.steps)
        self._add(gains=(*self.result.gains, gain))
        yield self.result
        for number, candidate in enumerate(candidates):
            waiting = sum(not other.why_not for other in candidates[number:])
            gain = judge.gain(candidate, Box(self.box.left / max(1, waiting)))
            self._add(gains=(*self.result.gains, gain))
            yield self.result

    def _candidates(self, compile: bool) -> Iterator[Candidate]:  # noqa: A002
        whole = sum(phase.seconds for phase in self.result.phases) or 1.0
        update = next((phase.seconds for phase in self.result.phases if phase.name == phases.UPDATE), 0.0)
        yield computing.optimizer(self.setup, update / whole)
        yield computing.channels_last(self.setup, self.batch)
        yield computing.autocast(self.setup)
        yield parts.without_graph(self.setup)
        yield parts.checkpointing(self.setup, self.kept, self.result.peak or 0)
        yield parts.larger_batch(self.setup, self.batches)
        yield computing.threads(self.setup)  # towards the end: on a busy machine more threads may take many times as long
        yield computing.compiled(self.setup, compile)

    def _add(self, **measured: Any) -> None:
        notes = tuple(dict.fromkeys([*self.notes, *([self.step.left_out] if self.step.left_out else [])]))
        self.result = replace(self.result, **measured, notes=notes)

    def _written(self, recording: Any, trace: str | None) -> str:
        if trace is None:
            return ""
        try:
            recording.export_chrome_trace(trace)
        except (RuntimeError, OSError) as error:
            raise SetupError(f"the trace could not be written to {trace!r}: {first_line(error)}") from error
        return trace
