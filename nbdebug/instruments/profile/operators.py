"""The dearest operators and the calls that wait for the device, each at the user's line."""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from typing import Any

from torch.overrides import TorchFunctionMode
from torch.profiler import record_function

from nbdebug.instruments.profile.events import LINE, STEP, Node, nodes_of
from nbdebug.instruments.profile.ranges import named_ranges
from nbdebug.instruments.profile.result import Halt, OperatorCost
from nbdebug.listening import module_paths
from nbdebug.source_lines import SourceLine, line_of, location_fields, users_frame
from nbdebug.step_cost import Stepper, recorded

MOST = 40  # rows that are kept
HALTING = (  # operators whose answer the program needs before it can go on
    "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::unique_consecutive", "aten::equal",
)  # fmt: skip
SAID = {"aten::_local_scalar_dense": "item()"}  # also float(t), int(t), bool(t), `if t:`


class _Lines(TorchFunctionMode):
    """Around every function that is called, a range with the number of the user's line."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[SourceLine | None] = []
        self.numbers: dict[tuple[Any, int], int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        number = self._number()
        if number is None:
            return func(*args, **(kwargs or {}))
        with record_function(f"{LINE}{number}"):
            return func(*args, **(kwargs or {}))

    def _number(self) -> int | None:
        frame = users_frame(sys._getframe(2))
        if frame is None:
            return None
        key = (frame.f_code, frame.f_lineno)
        if key not in self.numbers:
            self.numbers[key] = len(self.lines)
            self.lines.append(line_of(frame))
        return self.numbers[key]


def by_operator(step: Stepper, batch: Any, *, steps: int) -> tuple[tuple[OperatorCost, ...], tuple[Halt, ...]]:
    """Records a few steps with the user's line around each function."""
    paths = set(module_paths(step.setup.model).values())
    mode = _Lines()
    with recorded(step.setup.device, memory=False) as recording, named_ranges(step.setup.model, backward=False):
        for _ in range(steps):
            with record_function(STEP):
                _once(step, batch, mode)
    nodes = nodes_of(recording, paths)
    return _operators(nodes, mode.lines, steps, cuda=step.setup.device.type == "cuda"), _halts(nodes, mode.lines, steps)


def _once(step: Stepper, batch: Any, mode: _Lines) -> None:
    with mode:
        loss = step.setup.loss(batch)
    step.setup.backward(loss)
    del loss
    step.update()


def _operators(nodes: list[Node], lines: list[SourceLine | None], steps: int, *, cuda: bool) -> tuple[OperatorCost, ...]:
    by_step: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0.0] * steps)
    calls: dict[tuple[Any, ...], int] = defaultdict(int)
    for node in nodes:
        if "::" in node.name and not node.name.startswith("autograd::"):
            key = node.name, node.way, node.module, node.line
            by_step[key][node.step] += float(node.event.self_device_time_total if cuda else node.event.self_cpu_time_total)
            calls[key] += 1
    middle = {key: statistics.median(taken) for key, taken in by_step.items()}  # what else the machine does falls into one of the steps
    whole = sum(middle.values())
    dearest = sorted(middle.items(), key=lambda item: -item[1])[:MOST]
    return tuple(
        OperatorCost(key[0], key[1], taken / 1e6, calls[key] / steps, taken / max(whole, 1e-9), key[2] or "", **_place(lines, key[3]))
        for key, taken in dearest
    )


def _halts(nodes: list[Node], lines: list[SourceLine | None], steps: int) -> tuple[Halt, ...]:
    """What halts in the forward and backward pass; an optimizer's own counters lie on the CPU, and halt nothing."""
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for node in nodes:
        if node.name in HALTING and node.way != "update" and (node.line is not None or node.module is not None):
            counts[SAID.get(node.name, node.name.removeprefix("aten::")), node.module, node.line] += 1
    return tuple(
        Halt(name, count / steps, module or "", **_place(lines, line))
        for (name, module, line), count in sorted(counts.items(), key=lambda item: -item[1])
    )


def _place(lines: list[SourceLine | None], number: int | None) -> dict[str, Any]:
    source = lines[number] if number is not None else None
    return {} if source is None else {**location_fields(source), "text": source.text}
