"""What updates bring that are slept through: the few numbers that change, a row for each, which become curves many at a time.

A cycle that is known says beforehand what there will be to note at each of its calls. So a call notes a number or two, and what
they mean (of which curve they are, how long the update took, how often a model was called) is found out for all rows at once.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from torch import Tensor

from nbdebug.instruments.watch.call_facts import rows_of
from nbdebug.instruments.watch.constant import FOREVER
from nbdebug.instruments.watch.cycles import Ahead
from nbdebug.instruments.watch.recorder import Recorder
from nbdebug.instruments.watch.unheard_loss import unheard_loss

MOST = 64  # rows that are kept; our choice: more cost as much each
COUNTED = -1  # in place of the rows of a batch that are counted
PARTS = frozenset([list, tuple, dict])  # what most batches are
BEGUN, WAITED, ROWS, LOSS, NORM, ENDED = "begun", "waited", "rows", "loss", "norm", "ended"  # what a column holds


class Notes:
    """The rows of a cycle that is known.

    Args:
        calls: of the cycle, as `by_heart.Call`; each is given what is told when it comes.
        sure: asked of every backward pass before it runs, with its call and the frame: whether it comes as known.
        startled: wakes the recorder because of a loss.
    """

    def __init__(
        self, recorder: Recorder, key: tuple[int, ...], calls: Sequence[Any], sure: Callable[[Any, FrameType], bool], startled: Callable[[], None]
    ) -> None:  # fmt: skip
        self._recorder, self._key, self._calls = recorder, key, calls
        self._sure, self._startled = sure, startled
        self._columns: list[tuple[str, Any]] = []  # what it holds, and of whom
        self._noted: list[Any] = []  # row after row; the last is of the update under way
        self.over = 0  # rows of updates that are over, and in no curve yet
        self._works = next((at for at, call in enumerate(calls) if call.kind == "forward" and call.facts[1]), len(calls))  # first forward pass for training
        batches = [at for at, call in enumerate(calls[: self._works]) if call.kind == "batch"]
        self._begins = batches[-1] if batches else self._works  # with this call the time of an update begins
        self._of_first = 0  # columns of the first call
        self._rests: dict[int, tuple[str, int]] = {}  # which call → of which loss function it tells, and how often it was to come untold
        for at, call in enumerate(calls):
            call.tell = self._teller(at, call)
            self._of_first = self._of_first if at else len(self._columns)
        self._counted = [(at, call) for at, call in enumerate(calls) if call.kind in ("forward", "stepped", "schedule")]
        self._looked_at = [call for call in calls if call.kind == "step" or (call.kind == "forward" and call.facts[1])]
        self._met = True  # the update under way is the one whose first call was heard
        self._ahead, self._first = Ahead([], []), key  # what that update has ahead of the cycle; which one it is therefore

    def begin(self, ahead: Ahead) -> bool:
        """The first call was heard, and the others are known, of an update that has this ahead of the cycle; False where none went like that before."""
        recorder = self._recorder
        if (first := recorder.cycles.would_be(ahead, self._key)) is None:
            return False
        self._ahead, self._first, self._met = ahead, first, True
        self._noted.clear()
        self._noted.extend(self._heard(what) for what, _ in self._columns[: self._of_first])
        recorder.curves.clear()
        return True

    def room(self) -> int:
        """How many updates, from the one that is under way on, may be over with no more than that they are counted."""
        return 0 if self._recorder.tells_each else MOST - 1 - self.over

    def close(self) -> None:
        """An update is over."""
        recorder = self._recorder
        if recorder.tells_each:
            self._write()
            self._give_back(len(self._calls))
            recorder.curves.as_usual()
            self._noted.clear()
            self._count(1, 0)
            if recorder.sampling:
                self._looks(False)
            recorder.close_by_heart(self._again())
            return
        self._close_row()
        if self.over >= MOST:
            self._write()

    def close_with(self, key: tuple[int, ...]) -> bool:
        """An update is over, whose cycle ended like this; False where that is to be told, or it has something ahead as well."""
        recorder = self._recorder
        if recorder.tells_each or (not self.over and self._ahead.opened):
            return False
        self._close_row()
        recorder.graphs.update = recorder.steps
        self._write(last=key)
        recorder.curves.clear()
        return True

    def _close_row(self) -> None:
        """An update is over whose row becomes a point of the curves later."""
        self.over += 1
        if self._recorder.sampling:
            self._looks(False)
            self._recorder.close_look()
        else:
            self._recorder.steps += 1

    def begin_again(self, ahead: Ahead) -> None:
        """An update begins that is known from its first call on, and has this ahead of the cycle."""
        self._ahead, self._first, self._met = ahead, self._recorder.cycles.would_be(ahead, self._key) or self._key, False
        self._recorder.curves.clear()

    def look(self) -> None:
        """The tensors of the update that begins are looked at."""
        self._recorder.look_by_heart()
        self._looks(True)

    def _looks(self, begins: bool) -> None:
        recorder = self._recorder
        for call in self._looked_at:
            if call.kind == "step":
                call.tell = functools.partial(recorder.before_by_heart, recorder.ledger.accounts[call.thing]) if begins else None
            elif not call.whose.invisible:
                call.opens = functools.partial(recorder.numbers.listen, call.whose.module) if begins else None

    def wake(self, at: int) -> Ahead:
        """The recorder is to hear again, after so many calls of the update under way; gives what that has ahead of the cycle."""
        if self._recorder.sampling:
            self._looks(False)
        self._write(at)
        self._recorder.graphs.update = self._recorder.steps + any([call.kind == "stepped" for call in self._calls[:at]])
        if self._calls[at % len(self._calls)].kind == "backward":  # under way: the recorder will hear of its end, and takes the loss from the curves
            self._recorder.curves.began_at(self._noted.pop())
        self._give_back(at)
        return self._ahead

    # -- what is noted of a call ----------------------------------------------------------------------------------

    def _teller(self, at: int, call: Any) -> Callable[..., Any] | None:
        make = getattr(self, f"_of_{call.kind}", None)
        return make(at, call) if make is not None else None

    def _column(self, what: str, whose: Any = None) -> Callable[[Any], None]:
        self._columns.append((what, whose))
        return self._noted.append

    def _heard(self, what: str) -> Any:
        """What the call that was heard before all was known brought to the curves."""
        curves = self._recorder.curves
        return {BEGUN: curves.begun, WAITED: curves.waited_so_far, ROWS: COUNTED, LOSS: curves.root()}.get(what)

    def _of_batch(self, at: int, call: Any) -> Callable[..., None]:
        begins, counts = at == self._begins, at >= self._begins
        self._column(ROWS, call.whose)
        if begins:
            self._column(BEGUN)
        if counts:
            self._column(WAITED)
        note = self._noted.extend
        form: Any = None  # of the first part of the batch before
        rows: int | None = None

        def tell(batch: Any, asked: float, came: float) -> None:
            nonlocal form, rows
            kind = batch.__class__
            first = None if kind not in PARTS or not batch else batch[0] if kind is not dict else next(iter(batch.values()))
            if first.__class__ is not Tensor or first.shape != form:
                form, rows = getattr(first, "shape", None), rows_of(batch)
            note((rows, asked, came - asked) if begins else (rows, came - asked) if counts else (rows,))

        return tell

    def _of_forward(self, at: int, call: Any) -> Callable[..., None] | None:
        training, grad = call.facts
        marks, rests = self._marks(call) if training and grad else None, 0
        if at == self._begins:
            note = self._column(BEGUN)

            def begun(output: Any) -> None:
                nonlocal rests
                note(time.perf_counter())
                if rests:
                    rests -= 1
                elif marks is not None:
                    rests = marks(output)

            return begun
        if marks is None:
            return None

        def built(output: Any) -> None:
            call.rests = marks(output)

        return built

    def _marks(self, call: Any) -> Callable[[Any], int]:
        """What marks the graph of a forward pass, and says how many of those that follow need no mark."""
        recorder, graphs = self._recorder, self._recorder.graphs
        model, place, rests = call.whose.module, call.place, 0

        def marks(output: Any) -> int:
            nonlocal rests
            rests = graphs.built_again(model, place, recorder.steps, rests + 1, output)
            return rests

        return marks

    def _of_loss(self, at: int, call: Any) -> Callable[..., None]:
        alone = [other.thing for other in self._calls if other.kind == "loss"].count(call.thing) == 1
        return lambda value, args, kwargs: self._seen(at, call.thing, value, args, kwargs, alone=alone)

    def _seen(self, at: int, function: str, value: Tensor, args: Any, kwargs: Any, *, alone: bool = True) -> None:
        """A loss function was called; if no other call of the cycle is of it, those that need only be counted come untold."""
        call, constants, (before, unseen) = self._calls[at], self._recorder.constants, self._rests.get(at, (function, 0))
        if before != function:
            constants.passed(before, unseen)
            unseen = 0
        rests = constants.seen(function, self._recorder.steps, value, args, kwargs, unseen)
        call.rests = rests if alone else 0
        self._rests[at] = function, call.rests

    def _count_rested(self, at: int) -> None:
        """Calls of a loss function that came untold are counted; the next is told."""
        function, told = self._rests.get(at, ("", 0))
        self._recorder.constants.passed(function, told - self._calls[at].rests)
        self._rests[at], self._calls[at].rests = (function, 0), 0

    def _of_descends(self, at: int, call: Any) -> Callable[..., bool]:
        recorder, curves, graphs = self._recorder, self._recorder.curves, self._recorder.graphs
        sure, is_from, near, code, instruction = self._sure, call.is_from, at and call.out == 1, call.code, call.instruction
        trained = any([other.kind == "forward" and all(other.facts) for other in self._calls[:at]])  # where a model gave the graph it was marked there
        unheard = all([other.kind != "loss" for other in self._calls[:at]])  # as one that was imported by its name
        retain, place, scaled = call.whose
        note, on_loss = self._column(LOSS, call.next.whose), recorder.on_loss

        def tell(root: Tensor, frame: FrameType) -> bool:
            own = frame.f_back if near else None  # as `loss.backward()` comes, by a method of torch: asked here because it is asked in every update
            if not ((own is not None and own.f_lasti == instruction and own.f_code is code) or (at and is_from(frame)) or sure(call, frame)):
                return False
            if scaled or not root.is_cpu or root.numel() != 1:
                value = waits(root)
            elif (value := root.item()).__class__ is float and on_loss(value) and at:
                self._startled()
                return False
            if retain or not trained or graphs.awaited or graphs.evaluated:
                graphs.descends_again(root, recorder.steps, retain=retain, place=place, trained=trained)
            if call.rests:
                call.rests -= 1
            elif unheard:
                made(root)
            note(value)
            return True

        def made(root: Tensor) -> None:
            """By which function a root was made is seen now and then."""
            if (loss := unheard_loss(root)) is None:
                call.rests = FOREVER
            else:
                self._seen(at, loss.function, root, loss.args, loss.kwargs)

        def waits(root: Tensor) -> Any:
            """Of a root that is no number yet."""
            if scaled and recorder.sampling:
                recorder.numbers.backward_scale(curves.scale())
            roots = curves.about_to_descend([root] if root.numel() == 1 else [], scaled=scaled)
            return None if not roots else curves.unscaled(roots[0]) if scaled else roots[0]

        return tell

    def _of_clip(self, at: int, call: Any) -> Callable[..., None]:
        note = self._column(NORM, call.facts)
        return lambda norm: note(norm.item() if isinstance(norm, Tensor) and norm.is_cpu else norm)

    def _of_stepped(self, at: int, call: Any) -> Callable[..., None]:
        recorder, account, last = self._recorder, call.whose, all(other.kind != "stepped" for other in self._calls[at + 1 :])
        curves, optimizer, graphs, rates, now = recorder.curves, account.optimizer, recorder.graphs, recorder.curves.rates, time.perf_counter
        note = self._column(ENDED) if last else None

        def tell() -> None:
            groups = optimizer.param_groups
            if len(groups) > 1 or type(rate := groups[0].get("lr")) is not float or rate != rates.get(account.name):
                if recorder.sampling or recorder.tells_each:
                    curves.updated(account)
                else:
                    curves.rated(account, recorder.steps)
            if note is not None:
                note(now())
            if recorder.sampling:
                recorder.after_by_heart(account)
            if graphs.full:
                graphs.step(recorder.steps, sys._getframe(2))

        return tell

    # -- what rows become -----------------------------------------------------------------------------------------

    def _write(self, at: int = 0, last: tuple[int, ...] = ()) -> None:
        """Rows become curves; counts are brought up to date, those of so many calls of the update under way too.

        Args:
            last: how the cycle of the last row ended, where that is not as usual.
        """
        number, width = self.over, len(self._columns)
        if number:
            found: dict[str, list[Any]] = {BEGUN: [], WAITED: [], LOSS: [], NORM: [], ENDED: []}
            for column, (what, whose) in enumerate(self._columns):
                values = self._noted[column : number * width : width]
                if what == ROWS:
                    whose.delivered_all(values)
                else:
                    found[what].append((whose, values))
            self._recorder.curves.closed_all(self._recorder.steps - number, number, **found)
            first, cycles = self._again(), self._recorder.cycles
            keys = [last or first] if number == 1 else [first, last or self._key]
            cycles.again(keys[0])
            if number > 2:
                cycles.again(self._key, number - 2)
            if number > 1:
                cycles.again(keys[1])
            del self._noted[: number * width]
            self.over = 0
        self._count(number, at)
        for of_loss in self._rests:
            self._count_rested(of_loss)

    def _again(self) -> tuple[int, ...]:
        """The cycle that the first update went like which is not counted yet; those after it have nothing ahead."""
        first, self._ahead, self._first = self._first, Ahead([], []), self._key
        return first

    def _count(self, updates: int, at: int) -> None:
        """So many updates went through, and so many calls of the next."""
        for number, call in self._counted:
            times = updates + (number < at) - (number == 0 and self._met and updates + at > 0)
            if call.kind == "forward":
                call.whose.forwards += times
            else:
                call.whose.steps += times
        self._met = self._met and not updates + at

    def _give_back(self, at: int) -> None:
        """The curves stand where they would stand had they been told."""
        curves = self._recorder.curves
        curves.clear()
        for (what, whose), value in zip(self._columns, self._noted, strict=False):
            if what == ROWS:
                whose.delivered_all((value,))
            elif value is not None:
                curves.stands(what, value, whose)
        if at > self._works:
            curves.works()
