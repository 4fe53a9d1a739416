"""Time and memory of each module, without the modules in it."""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from torch.profiler import profile, record_function

from nbdebug.instruments.profile.events import EVALUATED, STEP, Node, ancestors, is_range, nodes_of
from nbdebug.instruments.profile.ranges import named_ranges
from nbdebug.instruments.profile.result import ModuleCost
from nbdebug.listening import module_paths
from nbdebug.step_cost import Stepper, recorded
from nbdebug.step_cost.recording import allocations


@dataclass
class _Sum:
    calls: int = 0
    forward: dict[int, float] = field(default_factory=lambda: defaultdict(float))  # step → microseconds
    backward: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    peak: int = 0
    allocated: int = 0


@dataclass
class Recorded:
    """What a recording of a few steps says."""

    modules: tuple[ModuleCost, ...]
    device_busy: float | None  # share of the steps in which a kernel ran; None on the CPU
    recording: profile = field(repr=False)


def by_module(step: Stepper, batch: Any, *, steps: int, kept: dict[str, int]) -> Recorded:
    """Records a few steps, and divides them among the modules.

    Times of forward passes are those of the CPU's clock between entering and leaving, on CUDA those of the kernels.
    """
    model, cuda = step.setup.model, step.setup.device.type == "cuda"
    kinds = {path: type(module).__name__ for module, path in _modules(model)}
    with recorded(step.setup.device, memory=True) as recording, named_ranges(model, backward=cuda):
        for _ in range(steps):
            with record_function(STEP):
                step(batch)
    nodes = nodes_of(recording, set(kinds))
    sums: dict[str, _Sum] = defaultdict(_Sum)
    _times(nodes, sums, set(kinds), cuda)
    _memory(recording, nodes, sums, set(kinds), on_cpu=not cuda)
    rows = tuple(
        ModuleCost(
            path, kinds[path], s.calls / steps, _median(s.forward, steps), _median(s.backward, steps), s.peak, s.allocated // steps,
            kept.get(path, 0) if kept else None,
        )
        for path, s in sums.items()
    )  # fmt: skip
    return Recorded(rows, _device_busy(recording) if cuda else None, recording)


def _median(by_step: dict[int, float], steps: int) -> float:
    """Seconds of the middle step: what else the machine does falls into one of them."""
    return statistics.median(by_step.get(step, 0.0) for step in range(steps)) / 1e6


def _modules(model: Any) -> list[tuple[Any, str]]:
    paths = module_paths(model)
    return [(module, paths[id(module)]) for module in model.modules()]


def _times(nodes: list[Node], sums: dict[str, _Sum], paths: set[str], cuda: bool) -> None:
    """Each range without the ranges in it; each walked node of the graph without what is recomputed in it."""
    for node in nodes:
        ranged = is_range(node, paths)
        if ranged:
            sums[node.module or ""].calls += 1
        if cuda:
            seconds = float(getattr(node.event, "self_device_time_total", 0.0))
            if node.module is not None:
                _add(sums[node.module], node, seconds)
            continue
        if ranged or node.name.startswith(EVALUATED):
            if node.module is not None:
                _add(sums[node.module], node, node.microseconds)
            around = next((one for one in ancestors(node) if is_range(one, paths) or one.name.startswith(EVALUATED)), None)
            if around is not None and around.module is not None:
                _add(sums[around.module], around, -node.microseconds)


def _add(one: _Sum, node: Node, microseconds: float) -> None:
    (one.backward if node.way == "backward" else one.forward)[node.step] += microseconds


def _memory(recording: profile, nodes: list[Node], sums: dict[str, _Sum], paths: set[str], *, on_cpu: bool) -> None:
    """The running sum of all allocations, looked at while each module runs."""
    began = recording.profiler.kineto_results.trace_start_ns()  # type: ignore[union-attr]
    times: list[float] = []
    levels: list[int] = []
    for at, change, cpu in allocations(recording):
        if cpu == on_cpu:
            times.append((at - began) / 1000)
            levels.append((levels[-1] if levels else 0) + change)
    for node in nodes:
        if not is_range(node, paths) or node.way != "forward":
            continue
        first, last = bisect_left(times, node.start), bisect_right(times, node.end)
        one = sums[node.module or ""]
        if levels:  # what was there when it began counts too
            one.peak = max(one.peak, *levels[max(0, first - 1) : max(first, last)] or [0])
        asked = _asked(levels, first, last)
        one.allocated += asked
        around = next((other for other in ancestors(node) if is_range(other, paths)), None)
        if around is not None:
            sums[around.module or ""].allocated -= asked


def _asked(levels: list[int], first: int, last: int) -> int:
    """Bytes that were asked for between two allocations, whether they were freed or not."""
    return sum(max(0, levels[i] - (levels[i - 1] if i else 0)) for i in range(first, last))


def _device_busy(recording: profile) -> float | None:
    """Share of the time between the first and the last kernel in which one ran."""
    spans = sorted((e.time_range.start, e.time_range.end) for e in recording.events() if "CUDA" in str(e.device_type))
    if not spans:
        return None
    covered, reached = 0.0, spans[0][0]
    for start, end in spans:
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered / max(1e-9, reached - spans[0][0])
