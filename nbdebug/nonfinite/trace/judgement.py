"""One operator that something bad came out of: whose fault it was, noted as an event, and marked on the memory that holds it."""

from __future__ import annotations

import math
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.amp.autocast_mode import is_autocast_available as autocast_available

from nbdebug.nonfinite.trace.events import BORN, DATA, MET, PASSED, WRITTEN, Event
from nbdebug.nonfinite.trace.inherit import blame
from nbdebug.nonfinite.trace.marks import Label, all_of
from nbdebug.nonfinite.trace.operators import CREATES, Given
from nbdebug.nonfinite.trace.ran import Bad, Ran
from nbdebug.nonfinite.trace.reasons import is_softmax, reason
from nbdebug.nonfinite.trace.repair import Repairs
from nbdebug.nonfinite.values import bad_places, chosen, has_bad, kind, measured, memory_of, stored

if TYPE_CHECKING:
    from nbdebug.nonfinite.trace.forward import Recorder

DIVIDES = ("div", "divide", "true_divide", "floor_divide", "remainder", "fmod")


class Judgement:
    """One operator that something bad came out of."""

    def __init__(self, recorder: Recorder, ran: Ran, now: list[Given]) -> None:
        self.recorder, self.ran, self.operator = recorder, ran, str(ran.op.func)
        self.place, self.node, self.own = recorder.running.place()
        self.forward = recorder.running.forward_of(self.node) if self.node is not None else None
        self.inputs: list[Bad] = []
        self.sources: list[Event] = []
        self.born: dict[tuple[str, tuple[int, ...]], Event] = {}
        for position, (g, tensor) in enumerate(zip(ran.given, (n.tensor for n in now), strict=True)):
            if (g.key not in ran.op.writes or ran.op.reads_and_writes(g)) and has_bad(g.tensor) and ran.op.name not in CREATES:
                self.inputs.append(self._input(g, tensor, position))
        self.repairs = Repairs(ran, self.inputs, recorder.sample_of, self._meant)

    def _input(self, g: Given, tensor: Tensor, position: int) -> Bad:
        """`tensor` is the argument itself, `g.tensor` perhaps a copy of what it was."""
        values = stored(g.tensor)
        assert values is not None
        marks, places = self.recorder.marks, bad_places(values)
        label = marks.label(tensor)
        unknown = places if isinstance(label, int) and not label else places & (torch.as_tensor(label, device=places.device) == 0)
        if (isinstance(label, int) and not label) or (isinstance(label, Tensor) and bool(unknown.any())):
            event = self.recorder.entered(g.tensor, self._name(g, position), self.place, self.operator)
            label = event.number if isinstance(label, int) else chosen(unknown, event.number, label)
            marks.put(tensor, label, unknown, event)
        mark = marks.find(tensor)
        if mark is not None and mark.event is not None and mark.event not in self.sources:
            self.sources.append(mark.event)
        return Bad(g, places, label)

    def record(self, results: list[tuple[int, Tensor]]) -> None:
        """The bad ones among what the operator gave or wrote to, each with its place."""
        device = results[0][1].device.type
        with torch.no_grad(), torch.autocast(device, enabled=False) if autocast_available(device) else nullcontext():
            self._record(results)

    def _record(self, results: list[tuple[int, Tensor]]) -> None:
        for index, result in results:
            values = stored(result)
            if values is None:
                continue
            bad = bad_places(values)
            label = self._label(index, result, values, bad)
            self.recorder.marks.put(result, label, bad, self._event(result, label, bad))

    def _label(self, index: int, result: Tensor, values: Tensor, bad: Tensor) -> Label:
        def new(places: Tensor, parents: tuple[int, ...] = ()) -> int:
            return self._new(index, result, places, parents)

        if result is not values or any(b.given.tensor.layout != torch.strided for b in self.inputs):  # sparse: as a whole
            return min((all_of(b.label, b.places) or [0])[0] for b in self.inputs) if self.inputs else new(bad)
        return blame(self.ran, index, result, bad, self.inputs, new, self.repairs)

    def _event(self, result: Tensor, label: Label, places: Tensor) -> Event:
        """The birth, when all comes from it; else a station on the way."""
        if isinstance(label, int) and any(e.number == label for e in self.born.values()):
            return self.recorder.births[label]
        sources = [*self.born.values(), *self.sources]
        output = measured("output", result) if self.recorder.may_measure() else None
        return Event(
            0, PASSED, self.operator, self.place, kind(result), self._node_name(), self.forward, self.own, (), output,
            births=tuple(all_of(label, places)), sources=sources,
        )  # fmt: skip

    def _new(self, index: int, result: Tensor, places: Tensor, parents: tuple[int, ...]) -> int:
        """Something is born here. Several results of one operator are born together."""
        number = None if parents else self._literal()
        if number is not None and (read := self.recorder.written_by(number)):
            return read
        became = kind(result, places)
        what = MET if parents else WRITTEN if number is not None and not (became == "nan" and not math.isnan(number)) else BORN
        if (what, parents) in self.born:
            return self.born[what, parents].number
        inputs = tuple(measured(self._name(g, i), g.tensor) for i, g in enumerate(self.ran.given[:6]))
        event = self.recorder.birth(
            what, self.operator, self.place, became=became, node=self._node_name(), forward=self.forward, own=self.own, inputs=inputs,
            output=measured("output", result), parents=parents, sources=list(self.sources),
        )  # fmt: skip
        self.born[what, parents] = event
        with suppress(Exception):  # a birth without a reason is better than none
            event.cause, event.detail, event.remedy = reason(self.ran, index, result, places, event, self.recorder.births)
        return event.number

    def _meant(self, number: int) -> bool:
        """Whether an infinity was written on purpose: as a mask, which may also lie in the batch."""
        event = self.recorder.births[number]
        return event.legal or ((event.what == DATA or event.carried) and event.became == "-inf" and is_softmax(self.ran, self._node_name()))

    def _literal(self) -> float | None:
        """A NaN or an infinity that is written in the call."""
        if self.ran.op.name in CREATES:
            value = self.ran.args[0]
            return float(value.detach().reshape(-1)[bad_places(value).reshape(-1)][0].real) if value.numel() else None
        found = (v for v in (*self.ran.args, *self.ran.kwargs.values()) if isinstance(v, float) and not math.isfinite(v))
        return next(found, None)

    def _node_name(self) -> str:
        return self.node.name() if self.node is not None else ""

    def _name(self, g: Given, position: int) -> str:
        known = self.recorder.names.get(memory_of(g.tensor))
        if known is None and g.key == 1 and self.ran.op.name.removeprefix("_foreach_").rstrip("_") in DIVIDES:
            return "divisor"
        return known or ("input" if g.name in ("self", "input", "x") else f"argument {position + 1}")
