"""Listens to a loop: turns every call into an event, every update into a point of the curves, every nth into a sample."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable, Hashable, Iterable
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from nbdebug.instruments.watch.aliases import LOOKS, aliases
from nbdebug.instruments.watch.call_facts import (
    autocast,
    is_divided,
    made_by,
    rows_of,
    wants_gradient,
    with_graph,
)
from nbdebug.instruments.watch.constant import Constants
from nbdebug.instruments.watch.curves import GIVEN, Curves
from nbdebug.instruments.watch.cycles import FACTS, Cycles
from nbdebug.instruments.watch.inventory import (
    WatchedLoader,
    WatchedModel,
    WatchedScheduler,
    watched_loader,
    watched_model,
)
from nbdebug.instruments.watch.ledger import Account, Ledger, Pass
from nbdebug.instruments.watch.numbers import Numbers
from nbdebug.instruments.watch.places import Places, things
from nbdebug.instruments.watch.result import Fact
from nbdebug.instruments.watch.retained import Graphs
from nbdebug.instruments.watch.states import States
from nbdebug.instruments.watch.unheard_loss import unheard_loss

FROZEN_UNTIL = 64  # forward passes of a frozen model until which it is asked whether it is still frozen
BY_HAND = "(by hand)"  # stands for the optimizer of a loop that has none: every backward pass is an update
DISCOVERED = (Optimizer, getattr(lr_scheduler, "LRScheduler", Optimizer))  # what is looked for among the variables
STRAYS = 64  # in one of so many updates, and in the 1st, 2nd, 4th, 8th …, every parameter's gradient is asked for


class Step(NamedTuple):
    """One update that is over, as `each_step` gets it. Values that were not measured at this step are None."""

    step: int  # from 0
    loss: float | None  # as passed to backward(), unscaled; the sum where there are several
    gradient_norm: float | None  # of all parameters together, at sampled steps
    learning_rate: float | None  # of the first group
    seconds: float | None  # from its batch to the end of its update
    sampled: bool


class Recorder:
    """What the taps tell. `on_step` is called with every `Step`, at the beginning of the next."""

    def __init__(self, numbers: Numbers, *, due: Callable[[int], bool], only: tuple[nn.Module, ...] = ()) -> None:
        self.places, self.cycles, self.ledger = Places(), Cycles(), Ledger()
        self.graphs, self.states = Graphs(self.places.known), States()
        self.numbers, self.curves, self.constants = numbers, Curves(), Constants()
        self.models: dict[int, WatchedModel] = {}
        self.loaders: dict[int, WatchedLoader] = {}
        self.schedulers: dict[int, WatchedScheduler] = {}
        self.strays: dict[int, tuple[str, str, Tensor, int]] = {}  # id → name, model, parameter, order
        self.met: set[int] = set()  # ids of parameters in optimizers that got a gradient
        self.aliases: tuple[str, ...] = ()  # averages of the weights that are no copies, when they were looked at last
        self.steps = 0
        self.on_step: Callable[[Step], None] = lambda step: None
        self.tells_each = True  # `on_step` is called of updates that go as those before, too
        self.wanted = False  # a look at this update is wanted because of its loss
        self.on_loss: Callable[[float], bool] = lambda loss: False  # asked whether a look is wanted because of it
        self.spent = 0.0  # seconds that watching took, as far as it can be timed from here
        self._due, self._only = due, only
        self._begun: set[Hashable] = set()  # loaders and places that the first step began with
        self._expected = 0  # optimizers that step in a cycle; 0: before the first is over, all that are known may
        self._stepped: set[str] = set()
        self.sampling = False  # the update under way is looked at
        self._scaled = 0  # losses that a scaler multiplied, and that no backward pass began at yet
        self._closure: Account | None = None
        self._backward = (0, "", False, False, False, "")  # place, and the facts known before the pass
        self._made = ""  # what its loss was made by
        self._again = 0  # backward passes since the last forward pass for training
        self.descent = (False, 0, False)  # of the last backward pass: whether it kept its graph, place, whether its loss was scaled
        self.descended: tuple[str, Hashable, bool, bool] = ("", 0, False, False)  # what `Curves.descended` was told of it
        self._undo: Callable[[], None] | None = None
        self._training = True  # mode of the model that runs
        self._grad = self._half = self._descended = False  # _half: the forward passes for the coming backward ran in float16
        self._heard_a_loss = False  # since the last backward pass
        self._last_model: WatchedModel | None = None
        self._last_loader = ""
        self._entry: WatchedLoader | None = None  # the loader whose batch came last
        self._training_loader = ""
        self._perhaps_validated: list[tuple[str, Tensor, int]] = []
        self._known_places: set[int] = set()
        self.place = 0  # of the forward pass that runs
        self._words: dict[tuple[int, ...], str] = {}  # places → in words

    # -- data ---------------------------------------------------------------------------------------------------

    def epoch(self, loader: Any, frame: FrameType) -> None:
        entry = self._loader(loader, frame)
        self._boundary(entry.name)
        entry.begin()
        self._add("epoch", entry.name, frame)

    def batch(self, loader: Any, batch: Any, seconds: float, frame: FrameType) -> None:
        entry = self._loader(loader, frame)
        self._boundary(entry.name)
        entry.delivered(rows_of(batch))
        self._last_loader, self._entry = entry.name, entry
        if self._perhaps_validated:
            self._no_backward_followed()
        self.curves.waited(seconds)
        self._add("batch", entry.name, frame)

    # -- forward ------------------------------------------------------------------------------------------------

    def mode(self, model: nn.Module, training: bool, frame: FrameType) -> None:
        self._add("mode", self._name(model, frame), frame, training)

    def enter(self, model: nn.Module, args: Any, kwargs: Any, frame: FrameType) -> None:
        self._undo, self._grad = None, False
        if self._only and not any(model is only for only in self._only):
            return
        started = time.perf_counter()
        place = self.place = self.places.number(frame)
        self._boundary(place)
        entry = self._model(model, frame)
        entry.forwards += 1
        if not entry.trains and entry.forwards <= FROZEN_UNTIL:  # frozen at first: it may thaw
            entry.trains = any(p.requires_grad for p in model.parameters())
        grad = torch.is_grad_enabled() and entry.trains
        self._last_model = entry
        cast, wants = autocast(entry.device), wants_gradient(args, kwargs)
        self.cycles.add("forward", entry.name, place, model.training, grad, cast, self._last_loader, wants, entry.awake())
        self._undo, self._grad, self._training = None, grad, model.training
        if grad:
            self._half = (self._half and not self._descended) or entry.half or cast == "float16"
            self._descended = False
            self.curves.working()
            self._sample_if_due()
            if self.sampling and not entry.invisible:
                self._undo = self.numbers.listen(model)
        self.spent += time.perf_counter() - started

    def leave(self, output: Any) -> None:
        if self._undo is not None:
            self._undo()
            self._undo = None
        if self._grad and (given := with_graph(output)):
            self._half = self._half or given[0].dtype == torch.float16  # autocast may begin inside of the model
            if self._training and self._last_model is not None:
                given = [*given, *self.graphs.carried_by(self._last_model.module)]
            self.graphs.built(given, training=self._training, place=self.place, frame=sys._getframe(1))

    def loss(self, name: str, value: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        if not isinstance(value, Tensor):
            return
        training = self._last_model.module.training if self._last_model is not None else False
        reduction = kwargs.get("reduction") or "mean"
        self._add("loss", name, frame, value.requires_grad, training, self._last_loader, str(reduction))
        if value.numel() != 1:
            return
        outside = bool(self._training_loader) and self._last_loader != self._training_loader
        if not value.requires_grad:
            self.measured(name, value, args, kwargs, self._entry)
            return
        size = _rows(args)
        if self._entry is not None and reduction == "mean" and outside:
            self._entry.scored(name, float(value.detach()), size)
        self._heard_a_loss = True
        self.constants.seen(name, self.steps, value, args, kwargs)
        if outside:  # a validation that forgot no_grad, unless a backward pass follows
            self._perhaps_validated.append((name, value.detach(), size))

    def measured(self, name: str, value: Tensor, args: Any, kwargs: Any, entry: WatchedLoader | None) -> None:
        """A loss without a gradient, on a batch of this loader."""
        if value.numel() != 1:
            return
        size, number = _rows(args), value.item()
        if entry is not None and (kwargs.get("reduction") or "mean") == "mean":
            entry.scored(name, number, size)
        self.curves.validated(name, number, size)

    def _sample_if_due(self) -> None:
        if not self.sampling and self._due(self.steps):
            self.sampling = True
            self.numbers.begin(self.steps)

    def _no_backward_followed(self) -> None:
        for validated in self._perhaps_validated:
            self.curves.validated(*validated)
        self._perhaps_validated.clear()

    # -- backward -----------------------------------------------------------------------------------------------

    def before_backward(self, given: Any, inputs: Any, retain: bool, frame: FrameType) -> None:
        place = self.places.number(frame)
        self._discover(place, frame)
        if not self.models:  # parameters without a module: no forward pass tells that a step begins
            self._boundary(place)
            self._sample_if_due()
        self._perhaps_validated.clear()
        roots = [given] if isinstance(given, Tensor) else [t for t in given or () if isinstance(t, Tensor)]
        onto = ", ".join([a.name for a in self.ledger.live() if a.before_backward()])
        divided = any([is_divided(t, scaled=self._scaled > 0) for t in roots])
        self.graphs.descends(roots, retain=retain, place=place)
        inside = self._closure.name if self._closure is not None else ""
        self.descent = (retain, place, self._scaled > 0)
        self._backward = (place, onto, self._scaled > 0, divided, retain, inside)
        self._made = made_by(roots[0]) if len(roots) == 1 else ""
        if not self._heard_a_loss and len(roots) == 1 and (loss := unheard_loss(roots[0])) is not None:
            self.constants.seen(loss.function, self.steps, roots[0], loss.args, loss.kwargs)
        self._heard_a_loss = False
        values = self.curves.about_to_descend([t for t in roots if t.numel() == 1], scaled=self._scaled > 0)
        if (self.wanted or self.startled(values)) and not self.sampling and self._closure is None:
            self.sampling = True
            self.numbers.begin(self.steps)
        if self.sampling and self._scaled:
            self.numbers.backward_scale(self.curves.scale())

    def after_backward(self) -> None:
        place, onto, scaled, divided, retain, inside = self._backward
        made = Pass(place)
        reached = ", ".join([a.name for a in self.ledger.live() if a.after_backward(made, scaled)])
        self._scaled = max(0, self._scaled - 1)
        self._training_loader = self._last_loader
        self._again = self._again + 1 if self._descended else 0
        self.descended = (reached, (place, self._made, self._again), divided, scaled)  # of one line, losses of one make are averaged: those of parts of a batch
        loss = self.curves.descended(*self.descended)
        made.loss = None if inside else loss  # what an optimizer asks for within its step it uses, also where it is cleared in between
        if not reached and self.ledger.accounts:  # nobody steps with it, as where an input is moved
            self.curves.unused([loss])
        self.cycles.add("backward", "", place, reached, onto, scaled, divided, retain, inside, self._half)
        self._descended = True
        if not self.ledger.accounts and self._last_model is not None:  # the loop moves its weights by hand
            self.cycles.stepped(BY_HAND)
            self._stepped.add(BY_HAND)
            self.curves.ended()
        if not (self.steps + 1) & self.steps or (self.steps + 1) % STRAYS == 0:  # among them those that are heard however well they are known
            self._look_for_strays()

    def zero(self, owner: Any, frame: FrameType) -> None:
        place = self.places.number(frame)
        self._discover(place, frame)
        if isinstance(owner, Optimizer) and self._heeds(owner):
            self._account(owner, frame)
        threw, of, lost = self.ledger.zero(owner)
        self.curves.unused([made.loss for made in lost if made.loss is not None])
        self.cycles.add("zero", self._name(owner, frame), place, threw, of, self._written([made.place for made in lost if not made.used]))

    # -- update -------------------------------------------------------------------------------------------------

    def clip(self, gradients: Any, limit: float, by: str, norm: Any, frame: FrameType) -> None:
        account = self.ledger.of_gradients(gradients)
        if norm is not None:
            self.curves.clipped(norm, limit)
        scaled = account.scaled if account is not None else False
        if account is not None:
            account.written_to()
        self._add("clip", account.name if account is not None else "", frame, limit, by, scaled)

    def scale(self, scaler: Any, output: Any) -> None:
        self._scaled += 1
        self.curves.scaled_by(scaler)

    def unscale(self, optimizer: Any, explicit: bool, frame: FrameType) -> None:
        if not self._heeds(optimizer):
            return
        account = self._account(optimizer, frame)
        account.wrote = account.wrote or (account.touched and not explicit)
        account.scaled = False
        account.written_to()
        if explicit:
            self._add("unscale", account.name, frame)
        else:
            account.by_scaler = True

    def scaler_update(self, scaler: Any, frame: FrameType) -> None:
        self._add("scaler_update", self._name(scaler, frame), frame)

    def before_step(self, optimizer: Any, closure: bool, frame: FrameType) -> None:
        if not self._heeds(optimizer):
            return
        account = self._account(optimizer, frame)
        if closure:
            self._closure = account
            return
        self._will_step(account, frame)

    def _will_step(self, account: Account, frame: FrameType) -> None:
        started = time.perf_counter()
        if BY_HAND in self._stepped:  # its optimizer was not among the variables
            self._stepped.discard(BY_HAND)
            self.cycles.not_stepped(BY_HAND)
        if self.cycles.will_step(account.name):
            self._end_of_step()
        touched = account.touched or account.wrote
        gradients, stale = account.before_step()
        closure, used = self._closure is account, self._written(account.places)
        self._add("step", account.name, frame, gradients, stale, account.scaled, False, closure, used, touched, account.by_scaler)
        self.cycles.stepped(account.name)
        if self.sampling and self._closure is not account:
            self.numbers.before_step(account.optimizer, name=account.name)
        self.spent += time.perf_counter() - started

    def after_step(self, optimizer: Any, frame: FrameType) -> None:
        account = self.ledger.accounts.get(id(optimizer))
        if account is None:
            return
        if self._closure is account:
            self._will_step(account, frame)
            self._closure = None
        elif self.sampling:
            started = time.perf_counter()
            self.numbers.after_step(optimizer)
            self.spent += time.perf_counter() - started
        if not account.steps + account.skipped and len(self.ledger.accounts) > 1 and (over := self.ledger.begins(account, self._stepped)):
            self.curves.without(over)
        account.after_step()
        self._stepped.add(account.name)
        self.curves.updated(account)
        self.graphs.step(self.steps, frame)
        if account.steps in LOOKS:
            self.aliases = aliases(frame, account.parameters)

    def skipped(self, optimizer: Any, frame: FrameType) -> None:
        if not self._heeds(optimizer):
            return
        account = self._account(optimizer, frame)
        if self.cycles.will_step(account.name):
            self._end_of_step()
        self._add("step", account.name, frame, "some", account.spent, False, True, False, self._written(account.places), False, True)
        self.cycles.stepped(account.name)
        account.after_step(skipped=True)
        self._stepped.add(account.name)
        self.curves.updated(account)
        self.graphs.step(self.steps, frame)

    def schedule(self, scheduler: Any, metric: Any, frame: FrameType) -> None:
        entry = self._scheduler(scheduler, frame)
        if metric is not None and hasattr(scheduler, "patience"):  # of the others it is the epoch
            self.curves.tracks.add(f"{GIVEN} {entry.name}", self.steps, float(metric))
        entry.place = self.places.number(frame)
        entry.steps += 1
        account = self.ledger.accounts.get(id(getattr(scheduler, "optimizer", None)))
        stepped = account is not None and account.steps + account.skipped > 0
        early = not stepped and not getattr(getattr(scheduler, "optimizer", None), "_opt_called", False)  # of an earlier cell
        self._add("schedule", entry.name, frame, early)

    # -- states -------------------------------------------------------------------------------------------------

    def state(self, model: nn.Module, given: Any, frame: FrameType) -> None:
        self._add("state", self._name(model, frame), frame)
        self.states.taken(given, self.places.number(frame), self._clock())

    def load(self, owner: Any, given: Any, answer: Any, assign: bool, frame: FrameType) -> None:
        if isinstance(owner, Optimizer):
            self._add("load", self._name(owner, frame), frame, 0, 0, 0, False, True, 0, "", "", False, "")
            return
        facts, taken = self.states.loaded(owner, given, answer, self._clock(), assign=assign)
        self._add("load", self._name(owner, frame), frame, *facts, self._written([taken]) if taken else "")

    def _clock(self) -> int:
        """Optimizer steps so far: a later time, other weights."""
        return sum(account.steps for account in self.ledger)

    def startled(self, values: list[Any]) -> bool:
        """Whether the loss that is about to be descended is worth a look by itself."""
        return len(values) == 1 and type(values[0]) is float and self.on_loss(values[0])

    # -- what is known by heart -----------------------------------------------------------------------------------

    def is_plain(self, key: tuple[int, ...]) -> bool:
        """Whether a cycle is one in which only the numbers change from one time to the next: what steps is cleared, and by nobody's hand."""
        events = self.cycles.events(key)
        steps = [(who, dict(zip(FACTS["step"], facts, strict=True))) for kind, who, _, facts in events if kind == "step"]
        cleared = {name for kind, _, _, facts in events if kind == "zero" for name in str(facts[1]).split(", ")}
        usual = all(f["gradients"] == "some" and not (f["stale"] or f["skipped"] or f["closure"] or f["touched"]) for _, f in steps)
        return bool(steps) and usual and {who for who, _ in steps} <= cleared and not self._perhaps_validated

    def close_by_heart(self, key: tuple[int, ...]) -> None:
        """A cycle is over that went like one that is known, and is to be told."""
        self.cycles.again(key)
        self._close_step(self._end_of_look())

    def close_look(self) -> None:
        """An update that was looked at is over; what else it brought is noted with those before and after it."""
        sampled, norm = self._end_of_look()
        started = time.perf_counter()
        self.curves.looked(self.steps)
        step = Step(self.steps, None, norm, None, None, sampled)
        self.steps += 1
        self.spent += time.perf_counter() - started
        self.on_step(step)

    def look_by_heart(self) -> None:
        """The tensors of the update that begins are looked at."""
        started = time.perf_counter()
        self.sampling = True
        self.numbers.begin(self.steps)
        self.spent += time.perf_counter() - started

    def before_by_heart(self, account: Account) -> None:
        """An optimizer steps in an update that is looked at."""
        started = time.perf_counter()
        self.numbers.before_step(account.optimizer, name=account.name)
        self.spent += time.perf_counter() - started

    def after_by_heart(self, account: Account) -> None:
        """An optimizer stepped in an update that is looked at."""
        started = time.perf_counter()
        self.numbers.after_step(account.optimizer)
        self.spent += time.perf_counter() - started

    # -- steps --------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """The loop is over, or was left: the last update is closed."""
        self._no_backward_followed()
        if self._stepped:
            self._end_of_step()

    def abandon(self) -> None:
        """Listening ends in the middle of a step: the hooks come off the layers."""
        if self._undo is not None:
            self._undo()
        self.numbers.release()

    def release(self) -> Callable[[], None]:
        """Lets go of everything of the user's; what is returned takes up again what is still there."""
        kept = [
            (table, key, entry, name, weakref.ref(getattr(entry, name)))
            for table, name in ((self.models, "module"), (self.ledger.accounts, "optimizer"), (self.schedulers, "scheduler"))
            for key, entry in table.items()
        ]
        strays = [(key, name, model, weakref.ref(p), order) for key, (name, model, p, order) in self.strays.items()]
        for table, *_ in kept:
            table.clear()
        for _, _, entry, name, _ in kept:
            setattr(entry, name, None)
            if isinstance(entry, Account):
                entry.release()
            elif isinstance(entry, WatchedModel):
                entry.parts = ()
        self.strays, self.met, self._last_model, self._known_places = {}, set(), None, set()
        self.places.close()
        self.graphs.close()
        self.curves.release()

        def resume() -> None:
            for table, key, entry, name, held in kept:
                if (thing := held()) is not None:
                    setattr(entry, name, thing)
                    table[key] = entry
                    self.places.remember(thing, entry.name)
                    if isinstance(thing, nn.Module):
                        entry.resume()
                        self._name_in_numbers(entry)
            self.strays = {key: (n, m, p(), o) for key, n, m, p, o in strays if p() is not None}

        return resume

    def _boundary(self, beginning: Hashable) -> None:
        """Called where a new step may begin: the one before is over when all its optimizers have stepped.

        How many these are is known from the step before. In the first one all that are known may step; some of them may be of
        yesterday, so that it is over, too, when what it began with comes again.
        """
        if self._stepped and (
            len(self._stepped) >= (self._expected or len(self.ledger.accounts)) or (not self._expected and beginning in self._begun)
        ):
            self.cycles.cut()
            self._end_of_step()
        if not self._expected:
            self._begun.add(beginning)

    def _end_of_step(self) -> None:
        self._expected = len(self._stepped)
        self._stepped, self._scaled = set(), 0
        self._begun.clear()
        self._close_step(self._end_of_look())

    def _end_of_look(self) -> tuple[bool, float | None]:
        """Whether the update was looked at, and the norm of its gradients then."""
        sampled, self.sampling, self.wanted = self.sampling, False, False
        if not sampled:
            return False, None
        started = time.perf_counter()
        norm = self.curves.norms(self.steps, self.numbers.end(self.steps))
        self.spent += time.perf_counter() - started
        return True, norm

    def _close_step(self, look: tuple[bool, float | None]) -> None:
        started = time.perf_counter()
        sampled, norm = look
        point = self.curves.close(self.steps, sampled=sampled)
        step = Step(self.steps, point.loss, norm, point.learning_rate, point.seconds, sampled)
        self.steps += 1
        self.spent += time.perf_counter() - started
        self.on_step(step)

    # -- who and where ------------------------------------------------------------------------------------------

    def _add(self, kind: str, who: str, frame: FrameType, *facts: Fact) -> None:
        self.cycles.add(kind, who, self.places.number(frame), *facts)

    def _written(self, places: list[int]) -> str:
        if not places:
            return ""
        words = self._words.get(key := tuple(places))
        if words is None:
            words = self._words[key] = ", ".join([str(self.places.known[p]) for p in sorted(set(places))])
        return words

    def _name(self, thing: Any, frame: FrameType) -> str:
        return self.places.name(thing, frame)

    def _model(self, module: nn.Module, frame: FrameType) -> WatchedModel:
        entry = self.models.get(id(module))
        if entry is None or entry.module is not module:
            entry = self.models[id(module)] = watched_model(self._name(module, frame), module)
            self._discover(self.places.number(frame), frame)
            self._name_in_numbers(entry)
            entry.named = []
        return entry

    def _name_in_numbers(self, entry: WatchedModel) -> None:
        several = len(self.models) > 1
        self.numbers.name_model(entry.module, f"{entry.name}: " if several else "", entry.named)

    def _loader(self, loader: Any, frame: FrameType) -> WatchedLoader:
        entry = self.loaders.get(id(loader))
        if entry is None or entry.loader() is not loader:
            entry = watched_loader(self._name(loader, frame), loader, self.places.number(frame))
            self.loaders[id(loader)] = entry
        return entry

    def _account(self, optimizer: Any, frame: FrameType) -> Account:
        known = self.ledger.accounts.get(id(optimizer))
        if known is not None and known.optimizer is optimizer:
            return known
        return self.ledger.account(optimizer, self._name(optimizer, frame))

    def _scheduler(self, scheduler: Any, frame: FrameType) -> WatchedScheduler:
        entry = self.schedulers.get(id(scheduler))
        if entry is None or entry.scheduler is not scheduler:
            entry = self.schedulers[id(scheduler)] = WatchedScheduler(self._name(scheduler, frame), scheduler)
        return entry

    def _discover(self, place: int, frame: FrameType) -> None:
        """Looks for optimizers and schedulers among the variables, once for each line that asks."""
        if place in self._known_places and self.ledger.accounts:
            return
        self._known_places.add(place)
        for thing in things(DISCOVERED, frame):
            if not isinstance(thing, Optimizer):
                self._scheduler(thing, frame)
            elif self._moves_a_model(thing):
                self._account(thing, frame)

    def _moves_a_model(self, optimizer: Any) -> bool:
        """Whether it holds parameters of a model that was met; before one was, any does."""
        if (known := self.ledger.accounts.get(id(optimizer))) is not None and known.optimizer is optimizer:
            return True
        named = (entry.named or entry.module.named_parameters() for entry in self.models.values())
        own = {id(p) for parameters in named for _, p in parameters}
        return not own or any(id(p) in own for group in optimizer.param_groups for p in group["params"])

    def whole_schedulers(self) -> list[WatchedScheduler]:
        """Those that are no part of another."""
        known = list(self.schedulers.values())
        return [s for s in known if s.steps or not any(other.holds(s.scheduler) for other in known)]

    def own(self, optimizers: Iterable[Any]) -> None:
        """Optimizers that the user named: they are known from the start."""
        for optimizer in optimizers:
            self.ledger.account(optimizer, type(optimizer).__name__)

    def _heeds(self, optimizer: Any) -> bool:
        """Whether it moves the models that were asked for."""
        if not self._only:
            return True
        own = {id(p) for model in self._only for p in model.parameters()}
        return any(id(p) in own for group in optimizer.param_groups for p in group["params"])

    def _look_for_strays(self) -> None:
        owned = {id(p) for account in self.ledger for p in account.parameters}
        self.met |= {id(p) for account in self.ledger for p in account.parameters if p.grad is not None}
        for entry in self.models.values():
            for order, (name, parameter) in enumerate(entry.module.named_parameters()):
                if parameter.grad is not None and id(parameter) not in owned and id(parameter) not in self.strays:
                    self.strays[id(parameter)] = (name, entry.name, parameter, order)

    @property
    def entry(self) -> WatchedLoader | None:
        """The loader whose batch came last."""
        return self._entry


def _rows(args: Any) -> int:
    """Samples in the first argument of a loss."""
    return args[0].shape[0] if args and isinstance(args[0], Tensor) and args[0].dim() else 1
