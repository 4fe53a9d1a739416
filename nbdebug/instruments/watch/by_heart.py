"""A loop that is known by heart: once it has gone the same way a few times, its calls are only compared with what comes next.

Between the taps and the recorder. What costs time about a call is to find out what it means: its line, its facts, where it stands in
the update. In most updates that is what it was in the one before. So the recorder sleeps there: a call is compared with the one that is
known to come next (what was called, on what, in which mode; of the first of an update and of `backward()` also from which instruction
of the user's), mostly by the taps themselves (`taps.Score`); the few numbers that change are noted, and nothing else. Whatever is not
as known wakes the recorder. It is put where it stood at this place of the cycle when it last heard one, so that what it hears from then on has its meaning, and no update is missing from its counts.
What comes between two updates, as a validation, is heard, though not compared; when the first call of the cycle follows, and the recorder stands as it stood there, all that follows is known again.
"""

from __future__ import annotations

from types import FrameType
from typing import Any

import torch
from torch import Tensor

from nbdebug.instruments.watch.between import Between
from nbdebug.instruments.watch.calls import Call
from nbdebug.instruments.watch.cycles import Ahead
from nbdebug.instruments.watch.notes import Notes
from nbdebug.instruments.watch.pace import Pace
from nbdebug.instruments.watch.recorder import Recorder
from nbdebug.instruments.watch.standing import Standing
from nbdebug.taps import Score

ALIKE = 2  # cycles that are heard in full and go alike before the recorder sleeps; our choice
HEARD, AGAIN = 256, 8  # the updates of the first number, of so many times it … are heard in full however well they are known; our choice
STRANGE = 3  # cycles in a row that go otherwise, after which the last of them is what is to be known; our choice
LONGEST = 400  # calls of a cycle
OTHER = Call("odd", 0, None, 0, 0, None, None, 0)  # stands for a call that was not looked at closely
WARY = 96  # times ALIKE at most, after surprises in the middle of a cycle


class ByHeart:
    """Tells the recorder every call, or takes note of it for the recorder while that sleeps.

    Args:
        pace: says of which updates everything is wanted.
    """

    def __init__(self, recorder: Recorder, pace: Pace) -> None:
        self.listener = recorder
        self.slept = 0  # updates that the recorder slept through
        self._pace = pace
        self._until = 0  # before this update that need not be asked
        self._notes: Notes | None = None  # of what comes while the recorder sleeps
        self.score = Score()  # what is known to come next; None while the recorder hears
        self._cycle: list[Call] = []  # heard since the last update was over
        self._known: list[Call] = []  # the cycle that came last
        self._key: tuple[int, ...] = ()  # the same, to `Cycles`
        self._stood: list[Standing] = []  # of the recorder, after each call of it
        self._first: Call | None = None  # of it, where it is known so well that what comes until that comes again need not be compared
        self._between = Between(recorder)
        self._alike = 0  # cycles in a row that went like it
        self._strange = 0  # cycles in a row that did not
        self._needed = ALIKE
        self._steps = 0
        self._ends = False  # an update ends that the recorder slept through

    # -- what the taps tell, but for calls that they know to be the one that comes ----------------------------------

    def batch(self, loader: Any, batch: Any, seconds: float, frame: FrameType) -> None:
        self._odd()
        self.listener.batch(loader, batch, seconds, frame)
        self._note("batch", id(loader), frame, whose=self.listener.loaders.get(id(loader)))

    def enter(self, model: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        self._odd()
        facts = (model.training, torch.is_grad_enabled())
        self.listener.enter(model, args, kwargs, frame)
        self._note("forward", id(model), frame, facts, self.listener.models.get(id(model)))

    def leave(self, output: Any) -> None:
        self.listener.leave(output)

    def mode(self, model: Any, training: bool, frame: FrameType) -> None:
        if not self._is_known("mode", id(model), frame, training):
            self.listener.mode(model, training, frame)
            self._note("mode", id(model), frame, training)

    def loss(self, name: str, value: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        self._odd()
        self.listener.loss(name, value, args, kwargs, frame)
        if not isinstance(value, Tensor):
            self._note("odd", name, frame)
        else:
            self._note("loss", name, frame, value.requires_grad, None if value.requires_grad else self.listener.entry)

    def before_backward(self, tensors: Any, inputs: Any, retain: bool, frame: FrameType) -> None:
        self._odd()
        self.listener.before_backward(tensors, inputs, retain, frame)
        self._note("descends" if isinstance(tensors, Tensor) and inputs is None else "odd", 0, frame, retain, self.listener.descent)

    def after_backward(self) -> None:
        known = self.score.comes
        if known is not None and known.kind == "backward":
            self.rouse()
        else:
            self._odd()
        self.listener.after_backward()
        self._note("backward", 0, None, whose=self.listener.descended)

    def zero(self, owner: Any, frame: FrameType) -> None:
        if not self._is_known("zero", id(owner), frame):
            self.listener.zero(owner, frame)
            self._note("zero", id(owner), frame)

    def clip(self, gradients: Any, limit: float, by: str, norm: Any, frame: FrameType) -> None:
        if (known := self._is_known("clip", by, frame, limit)) is not None:
            known.tell(norm)
            return
        self.listener.clip(gradients, limit, by, norm, frame)
        self._note("clip", by, frame, limit)

    def scale(self, scaler: Any, output: Any) -> None:
        if self._is_known("scale", id(scaler), None):
            self.listener.curves.scaled_by(scaler)
            return
        self.listener.scale(scaler, output)
        self._note("scale", id(scaler), None)

    def unscale(self, optimizer: Any, explicit: bool, frame: FrameType) -> None:
        if not self._is_known("unscale", id(optimizer), frame, explicit):
            self.listener.unscale(optimizer, explicit, frame)
            self._note("unscale", id(optimizer), frame, explicit)

    def scaler_update(self, scaler: Any, frame: FrameType) -> None:
        if not self._is_known("scaler_update", id(scaler), frame):
            self.listener.scaler_update(scaler, frame)
            self._note("scaler_update", id(scaler), frame)

    def before_step(self, optimizer: Any, closure: bool, frame: FrameType) -> None:
        if (known := self._is_known("step", id(optimizer), frame, closure)) is not None:
            if known.tell is not None:
                known.tell()
        else:
            self.listener.before_step(optimizer, closure, frame)
            self._note("odd" if closure else "step", id(optimizer), frame, closure)

    def after_step(self, optimizer: Any, frame: FrameType) -> None:
        self._odd()
        self.listener.after_step(optimizer, frame)
        self._note("stepped", id(optimizer), None, whose=self.listener.ledger.accounts.get(id(optimizer)))

    def schedule(self, scheduler: Any, metric: Any, frame: FrameType) -> None:
        if metric is None and self._is_known("schedule", id(scheduler), frame):
            return
        self._odd()
        self.listener.schedule(scheduler, metric, frame)
        self._note("schedule" if metric is None else "odd", id(scheduler), frame, whose=self.listener.schedulers.get(id(scheduler)))

    def epoch(self, loader: Any, frame: FrameType) -> None:
        if (known := self._is_known("epoch", id(loader), frame)) is not None:
            known.whose.begin()
            return
        self._odd()
        self.listener.epoch(loader, frame)
        self._note("epoch", id(loader), frame, whose=self.listener.loaders.get(id(loader)))

    def skipped(self, optimizer: Any, frame: FrameType) -> None:
        self._odd()
        self.listener.skipped(optimizer, frame)
        self._note("odd", "skipped", None)

    def state(self, model: Any, given: Any, frame: FrameType) -> None:
        self._odd()
        self.listener.state(model, given, frame)
        self._note("odd", "state", None)

    def load(self, owner: Any, given: Any, answer: Any, assign: bool, frame: FrameType) -> None:
        self._odd()
        self.listener.load(owner, given, answer, assign, frame)
        self._note("odd", "load", None)

    def abandon(self) -> None:
        self.score.comes = None
        self.listener.abandon()

    # -- while the recorder sleeps ------------------------------------------------------------------------------

    def rouse(self) -> None:
        """The recorder hears everything from now on, and knows where in the cycle it is."""
        if self.score.comes is not None and not self._ends:
            known, self.score.comes = self.score.comes, None
            if self._between.follows:
                self._leave(known.at)
                return
            at = known.at or len(self._known)
            ahead = self._notes.wake(at)
            self.slept += at == len(self._known)
            self._cycle = self._known[:at]
            self._steps = self.listener.steps
            self._stood[at - 1].take(self.listener, ahead)
            if at == len(self._known) and not ahead.opened:
                self._between.begin()

    def _leave(self, calls: int) -> None:
        """The same, after so many calls of what comes between two updates."""
        self._cycle, ahead = [], Ahead([], [])
        if not self._between.is_closed:
            ahead, self._cycle, self.slept = self._notes.wake(len(self._known)), self._known[:], self.slept + 1
        self._cycle += [OTHER] * calls
        self._steps = self.listener.steps
        self._between.leave(calls, ahead)

    def release(self) -> None:
        """Lets go of everything of the user's."""
        self.score.comes = None
        self._between.forget()
        for call in self._known:
            call.next, call.begins, call.tell, call.opens = call, None, None, None
        self._cycle, self._known, self._first, self._stood, self._alike, self._notes = [], [], None, [], 0, None

    def _is_known(self, kind: str, thing: Any, frame: FrameType | None, facts: Any = None) -> Call | None:
        """This call, if it is the one that is known to come; if not, the recorder wakes."""
        known = self.score.comes
        if known is None:
            return None
        if known.kind == kind and known.thing == thing and known.facts == facts and (known.begins is None or known.begins(frame)):
            self.score.comes = known.next
            return known
        if known is self._known[0] and (first := self._between.opens(kind, thing, frame, facts)) is not None and (first.begins is None or first.begins(frame)):
            self._between.follows, self._between.is_closed, self.score.comes = True, first.begins is not None, first.next
            return first
        self._odd()
        return None

    def _odd(self) -> None:
        """Something that was not known to come. Before the cycle's last step it makes wary."""
        if self.score.comes is not None:
            if not self._between.follows and (at := self.score.comes.at) and any(call.kind == "stepped" for call in self._known[at:]):
                self._needed = min(2 * self._needed, WARY * ALIKE)
                self._alike, self._first = 0, None
            self.rouse()

    def _begins(self, frame: FrameType | None) -> bool:
        """The first call of an update has come: the one before is over. False when it is not as known, or everything is wanted of this one."""
        first = self._known[0]
        if (frame is None or frame.f_lasti != first.instruction or frame.f_code is not first.code) and not first.is_from(frame):  # asked here because it is asked in every update
            self._odd()
            return False
        step = self.listener.steps + 1
        if step < self._until:
            self.listener.steps = step
            self._notes.over += 1
            self.slept += 1
            return True
        if _is_heard(step):
            self.rouse()
            return False
        self._ends, self.slept = True, self.slept + 1
        self._notes.close()
        self._ends = False
        if self.score.comes is not None:
            self._until = self._next_wanted(step)
        return self.score.comes is not None

    def _closes(self, frame: FrameType) -> bool:
        """The update under way is over, and something comes between it and the next; False where it cannot be closed without the recorder."""
        self._ends = True
        closed = self._between.is_closed = self._notes.close_with(self._between.closes)
        self._ends = False
        self.slept += closed
        if not closed:
            self.rouse()
        return closed and self.score.comes is not None

    def _begins_again(self, frame: FrameType) -> bool:
        """The first call of an update has come, after what is known to come between two."""
        step, between = self.listener.steps, self._between
        wanted = step >= self._until
        if not self._known[0].is_from(frame) or (wanted and _is_heard(step)):
            self.rouse()
            return False
        between.passed()
        self._notes.begin_again(between.ahead)
        if wanted:
            self._until = self._next_wanted(step)
        return True

    def _next_wanted(self, step: int) -> int:
        """A look begins if one is due at this update; before which one from here on nothing is wanted of one that is over or begins."""
        if self._pace.due(step):
            self._notes.look()
            return step + 1
        return min(self._pace.coming(step + 1), _heard_from(step + 1), step + self._notes.room())

    def _sure(self, call: Call, frame: FrameType) -> bool:
        """Whether a backward pass that is about to run is the one that is known to come."""
        if call.begins is not None:
            return self._begins(frame)
        if call.is_from(frame):
            return True
        self._odd()
        return False

    def _startled(self) -> None:
        """Everything is wanted of the update under way, because of its loss."""
        self.rouse()
        self.listener.wanted = True

    # -- while it hears -----------------------------------------------------------------------------------------

    def _note(self, kind: str, thing: Any, frame: FrameType | None, facts: Any = None, whose: Any = None) -> None:
        """The recorder heard a call."""
        recorder = self.listener
        if recorder.steps != self._steps:
            self._is_over()
        first = self._first
        is_other = first is not None and (thing != first.thing or kind != first.kind)
        if is_other and not self._between.is_heard:
            self._cycle.append(OTHER)
            return
        out, own = recorder.places.users(frame)
        call = Call(kind, thing, own.f_code if own is not None else None, own.f_lasti if own is not None else 0, out, facts, whose, recorder.place)
        self._cycle.append(OTHER if is_other else call)
        if is_other:
            self._between.hear(call)
            return
        ahead = None
        at = len(self._stood)
        if at < len(self._known):
            if self._alike >= self._needed - 1 and len(self._cycle) == at + 1 and call.is_as(self._known[at]):
                self._stood.append(Standing(recorder))
                self._is_it_well_known()
        elif first is not None and call.is_as(first) and not (recorder.sampling or self._pace.of_each or _is_heard(self._steps)):
            ahead = self._sleep_on(Standing(recorder))
        if self._between.is_heard:
            self._between.over(ahead, self._known[0], self._begins_again, self._closes)

    def _is_over(self) -> None:
        """An update is over, and the next begins."""
        heard, self._cycle, known = self._cycle, [], self._known
        self._steps = self.listener.steps
        key, clean = self.listener.cycles.last_closed()
        if self._between.is_heard and clean:
            self._between.closed(key)
        tail = heard[len(heard) - len(known) :] if known and len(heard) >= len(known) else []
        again = clean and bool(tail) and (tail == known or all(map(Call.is_as, tail, known))) and key[len(key) - len(self._key) :] == self._key
        self._strange = 0 if again else self._strange + 1
        if not again and self._strange < STRANGE and self._alike >= self._needed and len(self._stood) == len(known):
            return  # such as one with a validation in it: what is known so well is known again when it comes again
        if not again:
            self._known, self._key, self._stood, self._notes = heard, key, [], None
            self._between.forget()
            self._alike = int(clean and self._can_be_known(heard, key))
        elif len(heard) == len(known) or self._alike >= self._needed:
            self._alike += bool(self._alike)
        if len(self._stood) < len(self._known):
            self._stood = []
        self._is_it_well_known()

    def _is_it_well_known(self) -> None:
        well = bool(self._known) and self._alike >= self._needed and len(self._stood) == len(self._known)
        self._first = self._known[0] if well else None

    def _sleep_on(self, stands: Standing) -> Ahead | None:
        """The first call of the cycle has come, perhaps after others that went before it. Where the recorder stands now as it did then, the rest is known.

        Gives what the update has ahead of the cycle.
        """
        known, recorder = self._known, self.listener
        if (ahead := stands.after(self._stood[0], forward=_is_opened(known))) is None:
            return None
        if self._notes is None:
            for at, call in enumerate(known):
                call.at, call.next, call.begins = at, known[(at + 1) % len(known)], None if at else self._begins
            self._notes = Notes(recorder, self._key, known, self._sure, self._startled)
        if not self._notes.begin(ahead):
            return None
        self._until, self._strange = recorder.steps + 1, 0
        if self._pace.due(recorder.steps):
            self._notes.look()
        self._stood[-1].is_usual(recorder)
        self.score.comes = known[0].next
        return ahead

    def _can_be_known(self, heard: list[Call], key: tuple[int, ...]) -> bool:
        return len(heard) <= LONGEST and not any(call.kind == "odd" or (call.kind == "loss" and not call.facts) for call in heard) and self.listener.is_plain(key)


def _is_opened(known: list[Call]) -> bool:
    """Whether a forward pass comes before whatever asks which model ran last."""
    return next((call.kind for call in known if call.kind in ("forward", "loss", "descends")), "") == "forward"


def _is_heard(step: int) -> bool:
    """Whether an update is heard however well it is known: what is done by hand no tap tells, and variables are looked at."""
    return _heard_from(step) == step


def _heard_from(step: int) -> int:
    """The next update from this one on that is heard however well it is known."""
    number = HEARD
    while number <= step:
        number *= AGAIN
    return number - 1
