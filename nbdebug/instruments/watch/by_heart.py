"""A loop that is known by heart: once it has gone the same way a few times, its calls are only compared with what comes next.

Between the taps and the recorder. What costs time about a call is to find out what it means: its line, its facts, where it stands in
the update. In most updates that is what it was in the one before. So the recorder sleeps there: a call is compared with the one that is
known to come next (what was called, on what, from which instruction of the user's, in which mode), the few numbers that change are
noted, and nothing else. Whatever is not as known wakes the recorder. It is put where it stood at this place of the cycle when it last
heard one, so that what it hears from then on has its meaning, and no update is missing from its counts.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nbdebug.instruments.watch.aliases import LOOKS
from nbdebug.instruments.watch.recorder import Recorder, rows_of
from nbdebug.instruments.watch.standing import Standing

ALIKE = 3  # cycles that are heard in full and go alike before the recorder sleeps; our choice
LONGEST = 400  # calls of a cycle
WARY = 64  # times ALIKE at most, after surprises in the middle of a cycle


class Call(NamedTuple):
    """One call of the cycle."""

    kind: str
    thing: Any  # id of what was called, or called on; or a name
    code: CodeType | None  # of the user's function that runs
    instruction: int
    out: int  # frames from the tap out to it
    facts: Any
    whose: Any  # what the recorder keeps about it

    def is_as(self, other: Call) -> bool:
        return self[:6] == other[:6] and (self.whose is other.whose or (type(self.whose) is tuple and self.whose == other.whose))


class ByHeart:
    """Tells the recorder every call, or takes note of it for the recorder while that sleeps.

    Args:
        due: says of which updates everything is wanted.
    """

    def __init__(self, recorder: Recorder, due: Callable[[int], bool]) -> None:
        self.listener = recorder
        self.asleep = False
        self.slept = 0  # updates that the recorder slept through
        self._due = due
        self._cycle: list[Call] = []  # heard since the last update was over
        self._known: list[Call] = []  # the cycle that came last
        self._key: tuple[int, ...] = ()  # the same, to `Cycles`
        self._stood: list[Standing] = []  # of the recorder, after each call of it
        self._alike = 0  # cycles in a row that went like it
        self._needed = ALIKE
        self._steps = 0
        self._at = 0  # calls of the cycle that came while the recorder slept
        self._entered = False  # a forward pass that the recorder was told of runs
        self._ends = False  # an update ends that the recorder slept through

    # -- what the taps tell -------------------------------------------------------------------------------------

    def batch(self, loader: Any, batch: Any, seconds: float, frame: FrameType) -> None:
        if self.asleep and (known := self._comes("batch", id(loader), frame)) and known.whose.loader() is loader:
            known.whose.delivered(rows_of(batch))
            self.listener.curves.waited(seconds)
            return
        self.rouse()
        self.listener.batch(loader, batch, seconds, frame)
        self._note("batch", id(loader), frame, whose=self.listener.loaders.get(id(loader)))

    def enter(self, model: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        if self.asleep and (known := self._comes("forward", id(model), frame, (model.training, torch.is_grad_enabled()))):
            known.whose.forwards += 1
            if known.facts[1]:
                self.listener.curves.working()
            return
        self._entered = True
        self.listener.enter(model, args, kwargs, frame)
        self._note("forward", id(model), frame, (model.training, torch.is_grad_enabled()), self.listener.models.get(id(model)))

    def leave(self, output: Any) -> None:
        if self._entered:
            self._entered = False
            self.listener.leave(output)
        elif self._at and self.asleep and (known := self._known[self._at - 1]).kind == "forward" and known.facts[1]:
            self.listener.gave_by_heart(output, known.whose)

    def mode(self, model: Any, training: bool, frame: FrameType) -> None:
        if not self.asleep or not self._comes("mode", id(model), frame, training):
            self.listener.mode(model, training, frame)
            self._note("mode", id(model), frame, training)

    def loss(self, name: str, value: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        facts = isinstance(value, Tensor) and (value.requires_grad or None)
        if self.asleep and self._comes("loss", name, frame, facts):
            if not self.listener.constants.passed(name):
                self.listener.constants.seen(name, self.listener.steps, value, args, kwargs)
            return
        self.listener.loss(name, value, args, kwargs, frame)
        self._note("loss" if facts else "odd", name, frame, facts)

    def before_backward(self, tensors: Any, inputs: Any, retain: bool, frame: FrameType) -> None:
        alone = isinstance(tensors, Tensor) and inputs is None
        if self.asleep and alone and (known := self._comes("descends", 0, frame, retain)):
            if self.listener.descends_by_heart(tensors, known.whose) or self._at == 1:
                return
            self._at -= 1
            self.rouse()
            self.listener.wanted = True
        self.rouse()
        self.listener.before_backward(tensors, inputs, retain, frame)
        self._note("descends" if alone else "odd", 0, frame, retain, self.listener.descent)

    def after_backward(self) -> None:
        if self.asleep and (known := self._comes("backward", 0, None)):
            self.listener.curves.descended(*known.whose)
            return
        self.listener.after_backward()
        self._note("backward", 0, None, whose=self.listener.descended)

    def zero(self, owner: Any, frame: FrameType) -> None:
        if not self.asleep or not self._comes("zero", id(owner), frame):
            self.listener.zero(owner, frame)
            self._note("zero", id(owner), frame)

    def clip(self, gradients: Any, limit: float, by: str, norm: Any, frame: FrameType) -> None:
        if not self.asleep or not self._comes("clip", by, frame, limit):
            self.listener.clip(gradients, limit, by, norm, frame)
            self._note("clip", by, frame, limit)
        elif norm is not None:
            self.listener.curves.clipped(norm, limit)

    def scale(self, scaler: Any, output: Any) -> None:
        if self.asleep and self._comes("scale", id(scaler), None):
            self.listener.curves.scaled_by(scaler)
            return
        self.listener.scale(scaler, output)
        self._note("scale", id(scaler), None)

    def unscale(self, optimizer: Any, explicit: bool, frame: FrameType) -> None:
        if not self.asleep or not self._comes("unscale", id(optimizer), frame, explicit):
            self.listener.unscale(optimizer, explicit, frame)
            self._note("unscale", id(optimizer), frame, explicit)

    def scaler_update(self, scaler: Any, frame: FrameType) -> None:
        if not self.asleep or not self._comes("scaler_update", id(scaler), frame):
            self.listener.scaler_update(scaler, frame)
            self._note("scaler_update", id(scaler), frame)

    def before_step(self, optimizer: Any, closure: bool, frame: FrameType) -> None:
        if not self.asleep or not self._comes("step", id(optimizer), frame, closure):
            self.listener.before_step(optimizer, closure, frame)
            self._note("odd" if closure else "step", id(optimizer), frame, closure)

    def after_step(self, optimizer: Any, frame: FrameType) -> None:
        if self.asleep and (known := self._comes("stepped", id(optimizer), None)):
            self.listener.stepped_by_heart(known.whose, frame)
            return
        self.listener.after_step(optimizer, frame)
        self._note("stepped", id(optimizer), None, whose=self.listener.ledger.accounts.get(id(optimizer)))

    def schedule(self, scheduler: Any, metric: Any, frame: FrameType) -> None:
        if self.asleep and metric is None and (known := self._comes("schedule", id(scheduler), frame)):
            known.whose.steps += 1
            return
        self.rouse()
        self.listener.schedule(scheduler, metric, frame)
        self._note("schedule" if metric is None else "odd", id(scheduler), frame, whose=self.listener.schedulers.get(id(scheduler)))

    def epoch(self, loader: Any, frame: FrameType) -> None:
        self._odd()
        self.listener.epoch(loader, frame)
        self._note("odd", "epoch", None)

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
        self.asleep = False
        self.listener.abandon()

    # -- while the recorder sleeps ------------------------------------------------------------------------------

    def rouse(self) -> None:
        """The recorder hears everything from now on, and knows where in the cycle it is."""
        if self.asleep and not self._ends:
            self.asleep = False
            self.slept += self._at == len(self._known)
            self._cycle = self._known[: self._at]
            self._steps = self.listener.steps
            self._stood[self._at - 1].take(self.listener)

    def release(self) -> None:
        """Lets go of everything of the user's."""
        self.asleep = False
        self._cycle, self._known, self._stood, self._alike = [], [], [], 0

    def _comes(self, kind: str, thing: Any, frame: FrameType | None, facts: Any = None) -> Call | None:
        """The call, if it is the one that is known to come next; else the recorder wakes."""
        at = self._at
        over = at == len(self._known)
        known = self._known[0 if over else at]
        if known.kind == kind and known.thing == thing and known.facts == facts and _from(frame, known) and (not over or self._end()):
            self._at = 1 if over else at + 1
            return known
        self._odd()
        return None

    def _odd(self) -> None:
        """Something that was not known to come. In the middle of a cycle it makes wary."""
        if self.asleep:
            if self._at < len(self._known):
                self._needed = min(2 * self._needed, WARY * ALIKE)
                self._alike = 0
            self.rouse()

    def _end(self) -> bool:
        """An update is over that the recorder slept through; False when everything is wanted of the next one."""
        if self._is_wanted(self.listener.steps + 1):
            self.rouse()
            return False
        self._ends, self.slept = True, self.slept + 1
        try:
            self.listener.end_by_heart(self._key)
        finally:
            self._ends = False
        return self.asleep

    def _is_wanted(self, step: int) -> bool:
        return self._due(step) or step + 1 in LOOKS

    # -- while it hears -----------------------------------------------------------------------------------------

    def _note(self, kind: str, thing: Any, frame: FrameType | None, facts: Any = None, whose: Any = None) -> None:
        """The recorder heard a call."""
        recorder, over = self.listener, self.listener.steps != self._steps
        out, own = recorder.places.users(frame)
        call = Call(kind, thing, own.f_code if own is not None else None, own.f_lasti if own is not None else 0, out, facts, whose)
        if over:
            self._is_over(call)
        self._cycle.append(call)
        if self._alike >= self._needed - 1 and len(self._stood) < len(self._known) and len(self._cycle) == len(self._stood) + 1:
            self._stood.append(Standing(recorder))

    def _is_over(self, first: Call) -> None:
        """An update is over, and the next begins with this call."""
        heard, self._cycle, known = self._cycle, [], self._known
        self._steps = self.listener.steps
        key, clean = self.listener.cycles.last_closed()
        tail = heard[len(heard) - len(known) :] if known and len(heard) >= len(known) else []
        again = clean and bool(tail) and all(map(Call.is_as, tail, known)) and key[len(key) - len(self._key) :] == self._key
        if not again:
            self._known, self._key, self._stood = heard, key, []
            self._alike = int(clean and self._can_be_known(heard, key))
        elif len(heard) == len(known) or self._alike >= self._needed:
            self._alike += bool(self._alike)
            if self._alike >= self._needed and len(self._stood) == len(known) and first.is_as(known[0]) and not self._is_wanted(self._steps):
                self.asleep, self._at = True, 1

    def _can_be_known(self, heard: list[Call], key: tuple[int, ...]) -> bool:
        return len(heard) <= LONGEST and all(call.kind != "odd" for call in heard) and self.listener.is_plain(key)


def _from(frame: FrameType | None, known: Call) -> bool:
    """Whether a call comes from the instruction that is known."""
    for _ in range(known.out):
        if frame is None:
            return False
        frame = frame.f_back
    return frame is None and known.code is None or frame is not None and frame.f_lasti == known.instruction and frame.f_code is known.code
