"""What comes between two updates, such as a validation: once it has come twice alike, the recorder sleeps through it as well.

It begins where an update has ended, and lasts until the next begins. Nothing in it asks for gradients, so that there is little to tell of its
calls: what a loader gave, and what a loss was. That is told at once, as it is of an interlude that is heard; what the recorder remembers is put
in place when it wakes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import FrameType
from typing import Any

from nbdebug.instruments.watch.call_facts import rows_of
from nbdebug.instruments.watch.calls import Call
from nbdebug.instruments.watch.cycles import Ahead
from nbdebug.instruments.watch.recorder import Recorder
from nbdebug.instruments.watch.standing import Standing

LONGEST = 400  # calls that are remembered
MISSES = 3  # times that it went otherwise, after which it is learnt anew
OPENS = ("mode", "epoch", "schedule")  # kinds of call that it may begin with


class Between:
    """The calls that came between two updates the last time, and those of this time."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: list[Call] = []  # of the last time
        self.forget()

    def forget(self) -> None:
        """Nothing is known of what comes."""
        for call in self._known:
            call.next, call.tell, call.begins = call, None, None
        self._known = []
        self.follows = False  # what comes is compared with what is known
        self.is_closed = False  # and the cycle before it is closed: not before the call that closed it the last time
        self.closes: tuple[int, ...] = ()  # how the cycle before it ended, to `Cycles`
        self.ahead: Ahead | None = None  # what the next one has ahead because of it
        self.is_heard = False  # it is under way, and heard
        self._stood: list[Standing] = []  # of the recorder, after each of them
        self._well = False  # it came twice alike
        self._heard: list[Call] = []  # of this time
        self._closed: tuple[tuple[int, ...], int] = ((), 0)  # how, and at which of its calls, this time
        self._closes_at = 0
        self._alike, self._missed = True, 0

    # -- while the recorder hears -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """The recorder woke where an update ends."""
        self.is_heard, self._heard, self._alike, self._closed = True, [], True, ((), 0)

    def closed(self, key: tuple[int, ...]) -> None:
        """The cycle before it went like this, to its end; the call that is heard now closed it."""
        self._closed = key, len(self._heard)

    def hear(self, call: Call) -> None:
        """A call of it was heard."""
        at = len(self._heard)
        if at >= LONGEST:
            self.is_heard = False
            return
        self._heard.append(call)
        self._alike = self._alike and at < len(self._known) and call.is_as(self._known[at])
        if self._alike and at == len(self._stood):
            self._stood.append(Standing(self._recorder))

    def over(self, ahead: Ahead | None, first: Call, begins: Callable[[FrameType], bool], closes: Callable[[FrameType], bool]) -> None:
        """The next update begins with this call, and has this ahead; None where that is not known.

        Args:
            begins: as in `taps.Score`, of that call when it comes again.
            closes: the same of the call that closes the cycle before.
        """
        self.is_heard = False
        heard, alike = self._heard, self._alike and len(self._heard) == len(self._known)
        if self._well or not heard:
            return
        if not (alike and self._closed == (self.closes, self._closes_at)):
            self._known, self._stood, (self.closes, self._closes_at) = heard, [], self._closed
        elif ahead is not None and self.closes and first.kind in ("batch", "zero") and heard[0].kind in OPENS and all(map(_can_be_known, heard)):
            self.ahead = ahead
            self._link(first, begins)
            self._known[self._closes_at].begins = closes

    def _link(self, first: Call, begins: Callable[[FrameType], bool]) -> None:
        last = copy.copy(first)
        last.begins, self._well = begins, True
        for at, (call, following) in enumerate(zip(self._known, [*self._known[1:], last], strict=True), 1):
            call.next, call.tell, following.at = following, self._teller(call), at

    # -- while it sleeps ------------------------------------------------------------------------------------------

    def opens(self, kind: str, thing: Any, frame: FrameType | None, facts: Any) -> Call | None:
        """The first of its calls, if it begins with this one."""
        if not self._well:
            return None
        first = self._known[0]
        return first if first.kind == kind and first.thing == thing and first.facts == facts and first.is_from(frame) else None

    def passed(self, calls: int | None = None) -> None:
        """So many of its calls came, or all: what they count is brought up to date."""
        self.follows = False
        for call in self._known[:calls]:
            if call.kind == "forward":
                call.whose.forwards += 1
            elif call.kind == "schedule":
                call.whose.steps += 1

    def leave(self, calls: int, ahead: Ahead) -> None:
        """The recorder is to hear again, after so many of its calls, in an update that has this ahead."""
        self.passed(calls)
        self._stood[calls - 1].take(self._recorder, ahead)
        self._missed = self._missed + 1 if calls < len(self._known) else 0
        if self._missed >= MISSES:
            self.forget()

    def _teller(self, call: Call) -> Callable[..., None] | None:
        """What such a call brings that is new."""
        recorder, whose = self._recorder, call.whose
        if call.kind == "loss":
            return lambda value, args, kwargs: recorder.measured(call.thing, value, args, kwargs, whose)
        if call.kind != "batch":
            return None

        def came(batch: Any, asked: float, came: float) -> None:
            whose.delivered(rows_of(batch))
            recorder.curves.waited(came - asked)

        return came


def _can_be_known(call: Call) -> bool:
    """Whether such a call is told by what it is, and what `_teller` gives."""
    if call.kind == "forward":
        return not call.facts[1]
    return call.kind in ("epoch", "batch", "mode", "schedule") or (call.kind == "loss" and call.facts is False)
