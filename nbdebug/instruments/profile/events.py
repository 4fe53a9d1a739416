"""Events of torch's profiler → which module each of them belongs to, forward and backward.

A forward event lies inside the range of its module. A backward event carries the sequence number of the forward event that made its
node of the graph, and so belongs to that one's module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch.profiler import profile

from nbdebug.instruments.profile.ranges import FORWARD, ROOT

EVALUATED = "autograd::engine::evaluate_function: "  # what the engine puts around each node
UPDATE = "Optimizer.step#"  # what torch puts around an optimizer's step
STEP = "nbdebug step"  # what is put around each step, so that the median over steps can be told
LINE = "line "  # what `lines` puts around a function of the user's


@dataclass
class Node:
    """An event with its place among the others. Lives in memory only."""

    event: Any
    parent: Node | None
    module: str | None  # path of the innermost module around it; None outside of the model
    line: int | None  # number of the innermost line around it
    way: str  # "forward", "backward", "update"
    step: int = 0  # the number of the step it belongs to, from 0

    @property
    def name(self) -> str:
        return self.event.name

    @property
    def start(self) -> float:
        """Microseconds since the recording began."""
        return self.event.time_range.start

    @property
    def end(self) -> float:
        return self.event.time_range.end

    @property
    def microseconds(self) -> float:
        return self.end - self.start


def nodes_of(recording: profile, paths: set[str]) -> list[Node]:
    """Every event of the CPU's side in the order of its beginning, with module, line and way.

    Args:
        paths: of the modules whose ranges were recorded.
    """
    events = sorted((e for e in recording.events() if "CPU" in str(e.device_type)), key=lambda e: (e.time_range.start, -e.time_range.end))
    names = {FORWARD + (path or ROOT): path for path in paths}
    known: dict[int, Node] = {}
    made: dict[tuple[int, int], Node] = {}  # thread and sequence number → the forward event that made the node of the graph
    nodes: list[Node] = []
    step = -1
    last: Node | None = None  # the backward node that was walked last: what accumulates a gradient has no number of its own
    for event in events:
        parent = known.get(id(event.cpu_parent)) if event.cpu_parent is not None else None
        step += event.name == STEP
        node = Node(event, parent, *_inherited(parent), max(0, step))
        if event.name.startswith(EVALUATED):
            maker = made.get((event.fwd_thread, event.sequence_nr)) if event.sequence_nr >= 0 else last
            node.module, node.line, node.way = (maker.module, maker.line, "backward") if maker is not None else (None, None, "backward")
            last = node
        elif event.name.startswith(UPDATE):
            node.module, node.line, node.way = None, None, "update"
        elif event.name in names:
            node.module = names[event.name]
        elif event.name.startswith(LINE):
            node.line = int(event.name.removeprefix(LINE))
        elif event.sequence_nr >= 0 and node.way == "forward":
            made[event.thread, event.sequence_nr] = node
        known[id(event)] = node
        nodes.append(node)
    return nodes


def is_range(node: Node, paths: set[str]) -> bool:
    """Whether it is the range of a module."""
    return node.name.startswith(FORWARD) and (node.name.removeprefix(FORWARD) in paths or node.name == FORWARD + ROOT)


def ancestors(node: Node) -> Iterator[Node]:
    """The events around it, innermost first."""
    while (node := node.parent) is not None:  # type: ignore[assignment]
        yield node


def _inherited(parent: Node | None) -> tuple[str | None, int | None, str]:
    return (parent.module, parent.line, parent.way) if parent is not None else (None, None, "forward")
