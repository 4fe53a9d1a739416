"""Every operator as it runs, in the forward and in the backward pass: what is sound costs a look, what is bad is judged."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from nbdebug.nonfinite.trace.data import know_carried, mark_outside
from nbdebug.nonfinite.trace.events import ENTERED, Event, Place
from nbdebug.nonfinite.trace.judgement import Judgement
from nbdebug.nonfinite.trace.marks import Marks, all_of
from nbdebug.nonfinite.trace.operators import CREATES, Operator, given, operator, replaced
from nbdebug.nonfinite.trace.ran import Ran, results
from nbdebug.nonfinite.trace.running import Running
from nbdebug.nonfinite.values import bad_places, has_bad, kind, measured, memory_of, stored

WORDS = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}
MEASURED = 24  # passing operators whose results are measured; our choice: more than a page shows of a chain
Before = tuple[Operator, tuple[Any, ...], dict[str, Any]]


class Recorder:
    """Knows of everything bad in this step where it was born."""

    def __init__(self, models: Iterable[nn.Module]) -> None:
        self.running = Running(models)
        self.marks = Marks()
        self.births: dict[int, Event] = {}
        self.names: dict[int, str] = {}  # memory → what the reader calls it: "weight of encoder.0", "targets"
        self.finite_buffers: set[int] = set()  # by identity; those of the models that were finite when the step began
        self.carried: set[int] = set()  # memory that variables of the user's hold since the step before
        self.paused = False
        self._read: dict[str, int] = {}  # "nan", "inf" or "-inf" that Python read in this step → its birth
        self._measured = 0

    def outside(self, models: Iterable[nn.Module], batch: Any, indices: tuple[int, ...] | None, carried: Mapping[str, Any]) -> None:
        """Marks what was bad before the step began."""
        mark_outside(self, models, batch, indices)
        know_carried(self, carried)

    def forget(self) -> None:
        """Lets go of the memory that was marked."""
        self.marks = Marks()
        self.names.clear()
        self.carried.clear()

    def birth(self, what: str, operator: str, place: Place, **fields: Any) -> Event:
        event = Event(len(self.births) + 1, what, operator, place, **fields)
        event.births = (event.number,)
        self.births[event.number] = event
        return event

    def entered(self, tensor: Tensor, name: str, place: Place, operator: str = "") -> Event:
        """Of something bad that no operator of this step made: it is met here for the first time."""
        values = measured(name, tensor)
        event = self.birth(ENTERED, operator, place, became=kind(tensor), output=values, inputs=(values,))
        event.detail = f"{event.became} was in {name} when torch first met it here"
        if memory_of(tensor) in self.carried:
            event.carried, event.cause = True, "carried"
            event.detail = f"entered this step already {WORDS[event.became]}, from outside of it: {name}"
        return event

    # -- around each operator ---------------------------------------------------------------------------------------

    def before(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Before | None:
        """The arguments as they are now: of what is written to a copy, which is dropped when all stays finite."""
        op = operator(func)
        self.running.note(func, bool(op.writes), 0 in op.writes and isinstance(args[0], Tensor) and args[0]._is_view())
        if (op.view and op.name not in CREATES) or op.unwritten:
            return None
        if op.writes:
            written = {(g.key, g.at): g.tensor.clone() for g in given(op, args, kwargs) if op.reads_and_writes(g) and stored(g.tensor) is not None}
            args, kwargs = replaced(args, kwargs, written)
        return op, args, kwargs

    def after(self, before: Before, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        op, args_before, kwargs_before = before
        if isinstance(out, float):
            self._python_read(args, out)
            return
        bad = [(index, tensor) for index, tensor in enumerate(results(op, out, args, kwargs)) if has_bad(tensor)]
        if not bad:
            return
        ran = Ran(op, args_before, kwargs_before, given(op, args_before, kwargs_before))
        now = given(op, args, kwargs)
        written = {id(g.tensor) for g in now if g.key in op.writes}
        memory = {} if op.name in CREATES else {memory_of(g.tensor) for g in now}
        bad = [(i, t) for i, t in bad if id(t) in written or memory_of(t) not in memory]  # a view holds nothing new
        if bad:
            Judgement(self, ran, now).record(bad)

    def _python_read(self, args: tuple[Any, ...], number: float) -> None:
        if not math.isfinite(number):
            births = all_of(self.marks.label(args[0]), bad_places(args[0]))
            if births:
                self._read["nan" if math.isnan(number) else "inf" if number > 0 else "-inf"] = births[0]

    def written_by(self, number: float) -> int:
        """The birth of a number that Python gives, when Python read one like it in this step; else 0."""
        return self._read.get("nan" if math.isnan(number) else "inf" if number > 0 else "-inf", 0)

    def sample_of(self, number: int) -> Hashable:
        """Births of one sample of the batch are one for most purposes."""
        event = self.births.get(number)
        return number if event is None or event.sample is None else ("sample", event.sample)

    def may_measure(self) -> bool:
        self._measured += 1
        return self._measured <= MEASURED
