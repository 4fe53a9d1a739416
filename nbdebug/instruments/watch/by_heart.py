"""A loop that is known by heart: once it has gone the same way a few times, its calls are only compared with what comes next.

Between the taps and the recorder. What costs time about a call is to find out what it means: its line, its facts, where it stands in
the update. In most updates that is what it was in the one before. So the recorder sleeps there: a call is compared with the one that is
known to come next (what was called, on what, in which mode; of the first of an update and of `backward()` also from which instruction
of the user's), mostly by the taps themselves (`taps.Score`); the few numbers that change are noted, and nothing else. Whatever is not
as known wakes the recorder. It is put where it stood at this place of the cycle when it last heard one, so that what it hears from then on has its meaning, and no update is missing from its counts.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor

from nbdebug.instruments.watch.aliases import LOOKS
from nbdebug.instruments.watch.recorder import Recorder, rows_of
from nbdebug.instruments.watch.standing import Standing
from nbdebug.taps import Score

ALIKE = 3  # cycles that are heard in full and go alike before the recorder sleeps; our choice
LONGEST = 400  # calls of a cycle
WARY = 64  # times ALIKE at most, after surprises in the middle of a cycle


class Call:
    """One call of the cycle."""

    __slots__ = ("at", "code", "facts", "instruction", "kind", "next", "out", "thing", "told", "whose")

    def __init__(self, kind: str, thing: Any, code: CodeType | None, instruction: int, out: int, facts: Any, whose: Any) -> None:
        self.kind, self.facts = kind, facts
        self.thing = thing  # id of what was called, or called on; or a name
        self.code, self.instruction, self.out = code, instruction, out  # the user's function that runs, and how many frames out from the tap
        self.whose = whose  # what the recorder keeps about it
        self.at, self.next, self.told = 0, self, True  # its number in a cycle that is known, and what comes then; as in `taps.Score`

    def is_as(self, other: Call) -> bool:
        """Whether it is the same call."""
        return (
            self.kind == other.kind and self.thing == other.thing and self.facts == other.facts and self.instruction == other.instruction
            and self.code is other.code and self.out == other.out
            and (self.whose is other.whose or (type(self.whose) is tuple and self.whose == other.whose))
        )  # fmt: skip

    def is_from(self, frame: FrameType | None) -> bool:
        """Whether a call comes from the same instruction."""
        for _ in range(self.out):
            if frame is None:
                return False
            frame = frame.f_back
        return self.code is None if frame is None else frame.f_lasti == self.instruction and frame.f_code is self.code


class ByHeart:
    """Tells the recorder every call, or takes note of it for the recorder while that sleeps.

    Args:
        due: says of which updates everything is wanted.
    """

    def __init__(self, recorder: Recorder, due: Callable[[int], bool]) -> None:
        self.listener = recorder
        self.slept = 0  # updates that the recorder slept through
        self._due = due
        self.score = Score()  # what is known to come next; None while the recorder hears
        self._cycle: list[Call] = []  # heard since the last update was over
        self._known: list[Call] = []  # the cycle that came last
        self._key: tuple[int, ...] = ()  # the same, to `Cycles`
        self._stood: list[Standing] = []  # of the recorder, after each call of it
        self._alike = 0  # cycles in a row that went like it
        self._strange = 0  # cycles in a row that did not
        self._needed = ALIKE
        self._steps = 0
        self._entered = False  # a forward pass that the recorder was told of runs
        self._ends = False  # an update ends that the recorder slept through
        self._reached: Any = None  # what a backward pass that came as known reached; None once that is noted

    # -- what the taps tell: where a call is the one that is known to come, what it needs and no more --------------

    def batch(self, loader: Any, batch: Any, seconds: float, frame: FrameType) -> None:
        known = self.score.comes
        if known is not None and self._is_known("batch", id(loader), frame):
            known.whose.delivered(rows_of(batch))
            self.listener.curves.waited(seconds)
            return
        self.listener.batch(loader, batch, seconds, frame)
        self._note("batch", id(loader), frame, whose=self.listener.loaders.get(id(loader)))

    def enter(self, model: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        known, facts = self.score.comes, (model.training, torch.is_grad_enabled())
        if known is not None and self._is_known("forward", id(model), frame, facts):
            if facts[1]:
                self.listener.curves.working()
            return
        self._entered = True
        self.listener.enter(model, args, kwargs, frame)
        self._note("forward", id(model), frame, facts, self.listener.models.get(id(model)))

    def leave(self, output: Any) -> None:
        if self._entered:
            self._entered = False
            self.listener.leave(output)
        elif self.score.comes is not None and (known := self._known[self.score.comes.at - 1]).kind == "forward":
            self.gave(known, output)

    def gave(self, known: Call, output: Any) -> None:
        """A forward pass that was known to come is over."""
        entry, recorder = known.whose, self.listener
        entry.forwards += 1
        if known.facts[1]:
            recorder.curves.working()
            if known.facts[0]:
                recorder.graphs.built_again(output, entry.module, recorder.place)

    def mode(self, model: Any, training: bool, frame: FrameType) -> None:
        if not self._is_known("mode", id(model), frame, training):
            self.listener.mode(model, training, frame)
            self._note("mode", id(model), frame, training)

    def loss(self, name: str, value: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        facts = isinstance(value, Tensor) and (value.requires_grad or None)
        if self._is_known("loss", name, frame, facts):
            self.valued(name, value, args, kwargs)
            return
        self.listener.loss(name, value, args, kwargs, frame)
        self._note("loss" if facts else "odd", name, frame, facts)

    def valued(self, name: str, value: Any, args: Any, kwargs: Any) -> None:
        """A loss that was known to come."""
        if not self.listener.constants.passed(name):
            self.listener.constants.seen(name, self.listener.steps, value, args, kwargs)

    def descends(self, known: Call, root: Tensor, frame: FrameType) -> bool:
        """A backward pass that is known to come begins; False where it is not quite as known, or everything is wanted of it."""
        if not known.is_from(frame):
            self._odd()
            return False
        if not known.at and not self._end():
            return False
        if self._reached is not None:
            self._passed()
        if self.listener.descends_by_heart(root, known.whose) or not known.at:
            self._reached = known.next.whose
            return True
        self.rouse()
        self.listener.wanted = True
        return False

    def before_backward(self, tensors: Any, inputs: Any, retain: bool, frame: FrameType) -> None:
        alone, known = isinstance(tensors, Tensor) and inputs is None, self.score.comes
        if known is not None and known.kind == "descends" and alone and known.facts == retain and not known.at and self.descends(known, tensors, frame):
            self.score.comes = known.next
            return
        if known is self.score.comes:
            self._odd()
        self.listener.before_backward(tensors, inputs, retain, frame)
        self._note("descends" if alone else "odd", 0, frame, retain, self.listener.descent)

    def after_backward(self) -> None:
        known = self.score.comes
        if known is not None and known.kind == "backward":
            self.score.comes = known.next
            return
        self._odd()
        self.listener.after_backward()
        self._note("backward", 0, None, whose=self.listener.descended)

    def zero(self, owner: Any, frame: FrameType) -> None:
        if not self._is_known("zero", id(owner), frame):
            self.listener.zero(owner, frame)
            self._note("zero", id(owner), frame)

    def clip(self, gradients: Any, limit: float, by: str, norm: Any, frame: FrameType) -> None:
        if not self._is_known("clip", by, frame, limit):
            self.listener.clip(gradients, limit, by, norm, frame)
            self._note("clip", by, frame, limit)
        elif norm is not None:
            self.listener.curves.clipped(norm, limit)

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
        if not self._is_known("step", id(optimizer), frame, closure):
            self.listener.before_step(optimizer, closure, frame)
            self._note("odd" if closure else "step", id(optimizer), frame, closure)

    def after_step(self, optimizer: Any, frame: FrameType) -> None:
        known = self.score.comes
        if known is not None and known.kind == "stepped" and known.thing == id(optimizer):
            self.score.comes = known.next
            self.stepped(known, frame)
            return
        self._odd()
        self.listener.after_step(optimizer, frame)
        self._note("stepped", id(optimizer), None, whose=self.listener.ledger.accounts.get(id(optimizer)))

    def stepped(self, known: Call, frame: FrameType) -> None:
        """An optimizer that was known to step did."""
        if self._reached is not None:
            self._passed()
        self.listener.stepped_by_heart(known.whose, frame)

    def _passed(self) -> None:
        """The last backward pass came to its end."""
        self.listener.curves.descended(*self._reached)
        self._reached = None

    def schedule(self, scheduler: Any, metric: Any, frame: FrameType) -> None:
        known = self.score.comes
        if known is not None and metric is None and self._is_known("schedule", id(scheduler), frame):
            known.whose.steps += 1
            return
        self._odd()
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
        self.score.comes = None
        self.listener.abandon()

    # -- while the recorder sleeps ------------------------------------------------------------------------------

    def rouse(self) -> None:
        """The recorder hears everything from now on, and knows where in the cycle it is."""
        if self.score.comes is not None and not self._ends:
            known, self.score.comes = self.score.comes, None
            at = known.at or len(self._known)
            if known.kind == "backward":
                self._reached = None
            elif self._reached is not None:
                self._passed()
            self.slept += at == len(self._known)
            self._cycle = self._known[:at]
            self._steps = self.listener.steps
            self._stood[at - 1].take(self.listener)

    def release(self) -> None:
        """Lets go of everything of the user's."""
        self.score.comes = None
        for call in self._known:
            call.next = call
        self._cycle, self._known, self._stood, self._alike = [], [], [], 0

    def _is_known(self, kind: str, thing: Any, frame: FrameType | None, facts: Any = None) -> bool:
        """Whether this call is the one that is known to come; if not, the recorder wakes."""
        known = self.score.comes
        if known is None:
            return False
        if known.kind == kind and known.thing == thing and known.facts == facts and (known.at or (known.is_from(frame) and self._end())):
            self.score.comes = known.next
            return True
        self._odd()
        return False

    def _odd(self) -> None:
        """Something that was not known to come. In the middle of a cycle it makes wary."""
        if self.score.comes is not None:
            if self.score.comes.at:
                self._needed = min(2 * self._needed, WARY * ALIKE)
                self._alike = 0
            self.rouse()

    def _end(self) -> bool:
        """An update is over that the recorder slept through; False when everything is wanted of the next one."""
        step = self.listener.steps + 1
        if self._due(step) or step + 1 in LOOKS:
            self.rouse()
            return False
        if self._reached is not None:
            self._passed()
        self._ends, self.slept = True, self.slept + 1
        self.listener.end_by_heart(self._key)
        self._ends = False
        return self.score.comes is not None

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
        self._strange = 0 if again else self._strange + 1
        if not again and self._strange < ALIKE and self._alike >= self._needed and len(self._stood) == len(known):
            return  # such as one with a validation in it: what is known so well is known again when it comes again
        if not again:
            self._known, self._key, self._stood = heard, key, []
            self._alike = int(clean and self._can_be_known(heard, key))
        elif len(heard) == len(known) or self._alike >= self._needed:
            self._alike += bool(self._alike)
            if self._alike >= self._needed and len(self._stood) == len(known) and first.is_as(known[0]) and not (self._due(self._steps) or self._steps + 1 in LOOKS):
                self._sleep()

    def _sleep(self) -> None:
        """The first call of a cycle has come, and the others are known."""
        for at, call in enumerate(self._known):
            call.at, call.next, call.told = at, self._known[(at + 1) % len(self._known)], at == 0
        self.score.comes = self._known[0].next

    def _can_be_known(self, heard: list[Call], key: tuple[int, ...]) -> bool:
        return len(heard) <= LONGEST and all(call.kind != "odd" for call in heard) and self.listener.is_plain(key)

