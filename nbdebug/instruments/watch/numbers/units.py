"""Which units of a non-linearity still respond, and which are always at the flat end of it."""

from __future__ import annotations

import math
from collections import deque
from operator import itemgetter
from typing import Any

import numpy as np
from torch import Tensor, nn

from nbdebug.instruments.watch.numbers.unseen import unseen
from nbdebug.instruments.watch.result import Units

TURN = 8  # a layer's units are looked at in every eighth sampled step; our choice: always dead shows later as well
LOOKS = 8  # looks that a verdict is over; our choice: with ROWS rows each, 2048 rows without one response
FEW, ENOUGH = 4, 128  # looks and rows that are enough where looks are far between: what died must not wait for eight of them; our choice
ROWS = 256  # of an output that are looked at, evenly spread
FLAT = 0.005  # sigmoid within this of its ends, where its slope is below 0.005; tanh and softsign at twice that, their range
PLACES = 8  # of an image at least
PASSES_UNITS = frozenset(  # what may stand between F.relu and the layer that reads it, and leaves the units what they are
    "MaxPool2DWithIndicesBackward0 MaxPool2DBackward0 AvgPool2DBackward0 AdaptiveAvgPool2DBackward0 NativeDropoutBackward0 "
    "MaxPool1DWithIndicesBackward0 SqueezeBackward1 UnsqueezeBackward0".split()
)
FIRST = 8  # units that are named


def responds_between(module: nn.Module) -> tuple[float, float] | None:
    """The open interval of outputs where a non-linearity has a slope; None for modules that never go flat.

    Two equal ends say: everywhere but there.
    """
    return _ENDS.get(type(module), lambda module: None)(module)


_ENDS: dict[type[nn.Module], Any] = {
    nn.ReLU: lambda m: (0.0, math.inf),
    nn.ReLU6: lambda m: (0.0, 6.0),
    nn.Threshold: lambda m: (m.value, m.value),
    nn.Hardswish: lambda m: (0.0, 0.0),
    nn.Hardtanh: lambda m: (m.min_val, m.max_val),
    nn.Hardsigmoid: lambda m: (0.0, 1.0),
    nn.Sigmoid: lambda m: (FLAT, 1 - FLAT),
    nn.Tanh: lambda m: (-1 + 2 * FLAT, 1 - 2 * FLAT),
    nn.Softsign: lambda m: (-1 + 2 * FLAT, 1 - 2 * FLAT),
}
SQUASHERS = frozenset(["Sigmoid", "Tanh", "Softsign"])  # they saturate; the others die


class Responses:
    """Of one non-linearity: when each unit was last seen where it has a slope."""

    def __init__(self, name: str, function: str, between: tuple[float, float], *, seldom: bool = False) -> None:
        self.name, self.function, self.between, self.seldom = name, function, between, seldom
        self.channels_first = False
        self.last = np.empty(0, np.int64)  # (units,) step; -1 never
        self.looks: deque[tuple[int, int]] = deque(maxlen=LOOKS)  # step, rows
        self.passed = -1  # last step at which a gradient came to its output
        self.step = -1  # in which it is heard
        self._alive: list[tuple[int, Tensor, int]] = []  # step, units, rows: not read yet
        self._felt: list[tuple[int, Tensor]] = []

    def look(self, output: Tensor, step: int) -> None:
        """At an output of this step. To be called where nothing is recorded, as in `unseen`."""
        self._alive.append((step, *alive(output.detach(), self.between, self.channels_first)))

    def felt(self, gradient: Tensor, step: int, total: float | None = None) -> None:
        """A gradient came in this step; if its sum is known and not zero, it needs no second look."""
        if total:
            self.passed = max(self.passed, step)
        elif self.passed < step:
            with unseen():
                self._felt.append((step, gradient.detach().any()))

    def read(self) -> None:
        """Fetches what lies on the device."""
        for step, units, rows in sorted(self._alive, key=itemgetter(0)):  # some looks were put off
            self._note(step, units.cpu().numpy(), rows)
        for step, came in self._felt:
            if bool(came):
                self.passed = max(self.passed, step)
        self._alive, self._felt = [], []

    def plain(self) -> Units | None:
        self.read()
        if not self.looks:
            return None
        start = self.looks[0][0]
        stuck = np.flatnonzero(self.last < start)
        squashes = self.function in SQUASHERS
        return Units(
            self.name, self.function, len(self.last),
            dead=0 if squashes else len(stuck), saturated=len(stuck) if squashes else 0,
            samples=sum(rows for _, rows in self.looks), first=tuple(stuck[:FIRST].tolist()),
            since=int(self.last[stuck].max()) if len(stuck) else -1, gradient=self.passed >= start,
        )  # fmt: skip

    def _note(self, step: int, units: np.ndarray, rows: int) -> None:
        if len(self.last) != len(units):
            self.last = np.full(len(units), -1, np.int64)
            self.looks.clear()
        self.last[units] = step
        if self.looks and self.looks[-1][0] == step:  # called again in the same step
            rows += self.looks.pop()[1]
        self.looks.append((step, rows))
        while self.seldom and len(self.looks) > FEW and sum(rows for _, rows in self.looks) - self.looks[0][1] >= ENOUGH:
            self.looks.popleft()


class UnitsSeen:
    """Whose turn it is, and where in the model a non-linearity stands."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str], Responses] = {}  # name, and that of the layer before
        self.turns = TURN  # 1: every layer's are looked at in every sampled step, where these are few
        self._step = self._turn = -1
        self._before: Any = None  # the last layer with weights that was heard
        self._relus: list[Any] = []  # graph nodes of the ReLU modules that were heard

    def begin(self, step: int) -> None:
        self._step, self._turn = step, (self._turn + 1) % self.turns

    def forward(self) -> None:
        """A forward pass begins or is over."""
        self._before = None
        self._relus.clear()

    def of(self, site: Any, tensor: Tensor) -> Responses | None:
        """What is to look at the units of this output now."""
        if site.channels_first is not None:
            self._before = site
        if site.between is None:
            return None
        if site.kind == "ReLU":
            self._relus.append(tensor.grad_fn)
        if site.turn % self.turns != self._turn or tensor.dim() < 2 or not tensor.numel():
            return None
        return self._responses(site.name, site.kind, site.between, tensor)

    def read_by(self, site: Any, args: Any) -> Responses | None:
        """The units of F.relu, which is no module, seen where the next layer reads them."""
        if site.turn % self.turns != self._turn or not args or not isinstance(args[0], Tensor):
            return None
        node = relu_before(args[0])
        if node is None or args[0].dim() < 2 or not args[0].numel() or any(node is met for met in self._relus):
            site.in_vain += 1
            return None
        responses = self._responses(f"input of {site.name}", "relu", (0.0, math.inf), args[0])
        responses.channels_first = bool(site.channels_first)
        with unseen():
            responses.look(args[0], responses.step)
        return responses

    def read(self) -> None:
        for responses in self.all.values():
            responses.read()

    def plain(self) -> tuple[Units, ...]:
        return tuple(units for responses in self.all.values() if (units := responses.plain()) is not None)

    def _responses(self, name: str, function: str, between: tuple[float, float], tensor: Tensor) -> Responses:
        """A module that is used in several places has different units in each."""
        place = self._before.name if self._before is not None and function != "relu" else ""
        found = self.all.get((name, place))
        if found is None:
            taken = any(other == name for other, _ in self.all)
            found = self.all[name, place] = Responses(f"{name} after {place}" if taken else name, function, between, seldom=self.turns == 1)
            found.channels_first = self._before.channels_first if self._before is not None else tensor.dim() == 4
        found.step = self._step
        return found


def alive(output: Tensor, between: tuple[float, float], channels_first: bool) -> tuple[Tensor, int]:
    """For each unit whether any of the rows looked at lies between the ends; and how many rows these were."""
    rows = unit_rows(output, channels_first)
    low, high = between
    count = rows.numel() // max(1, rows.shape[-1])
    dims = tuple(range(rows.dim() - 1))
    if math.isinf(high):
        return rows.amax(dims) > low, count
    return ((rows != low) if low == high else (rows > low) & (rows < high)).any(dims), count


def unit_rows(output: Tensor, channels_first: bool) -> Tensor:
    """Some rows of an output, evenly spread, with the units in the last dimension."""
    if output.dim() > 2 and channels_first:
        positions = output.flatten(2)  # (N, C, L)
        each = min(positions.shape[2], max(PLACES, ROWS // len(output)))
        step = max(1, positions.shape[2] // each) | 1  # odd: it meets every column of an image
        return positions[:: max(1, len(output) * each // ROWS), :, ::step].transpose(1, 2)
    rows = output.reshape(-1, output.shape[-1])
    return rows[:: max(1, len(rows) // ROWS)]


def relu_before(tensor: Tensor) -> Any | None:
    """The graph's node of a ReLU whose output, pooled or dropped out at most, a layer reads."""
    node = tensor.grad_fn
    for _ in range(3):
        if node is None or node.name() == "ReluBackward0":
            return node
        if node.name() not in PASSES_UNITS or not node.next_functions:
            return None
        node = node.next_functions[0][0]
    return None
