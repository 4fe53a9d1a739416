"""Checks of train and eval mode: what was trained in the one, and evaluated in the other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.errors import NotChecked
from nbdebug.findings import WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.order import count, counted, evidence, span, updates
from nbdebug.instruments.watch.reading.source import last_name, scopes
from nbdebug.instruments.watch.result import Cycle, Event, Model, WatchResult
from nbdebug.instruments.watch.session import watched

ENOUGH = 2  # steps in eval mode; our choice
SHARE = 0.2  # of the model's steps; our choice
MOSTLY = 0.5  # share of a model's parameters that must be trained: eval mode is right for a frozen trunk with a new head
ONCE = 0.5  # share of the updates beyond which a forward pass without gradients belongs to training, not to evaluation
AGAIN = 3  # passes over one loader without a step between them that are meant to differ; our choice
UNNAMED = "DataLoader"  # what a loader is called that no variable holds
NORMS = re.compile(r"\((?:Lazy|Sync)?(?:Batch|Instance)Norm")
HITS = re.compile(r"(?:argmax|\.max\(|round).*==")
EVALUATES = re.compile(r"(?:\b|_)(?:val|valid|validation|validate|test|eval|evaluate|evaluation)(?:\b|_)", re.IGNORECASE)


@watched.check(
    "ND702", "wrong mode", severity=WARNING,
    advice="model.train() at the start of every epoch of training, model.eval() at the start of every evaluation",
)  # fmt: skip
def mode_wrong(result: WatchResult) -> Iterator[Seen]:
    """A model that is trained in eval mode, or evaluated in train mode.

    Wrong: in eval mode dropout does nothing and batch norm never learns its statistics; in train mode an evaluation
        drops units at random and depends on, and changes, what batch norm remembers.
    Seen: steps of an optimizer that holds most of a model, in which every forward pass with gradients found it in eval
        mode, and all modules that care. Or forward passes in train mode on a loader that no backward pass ever follows,
        from its start; without such a loader, a loss without gradients every now and then. Models without modules
        that care for the mode, normalisation that is frozen on purpose, teachers, the samples of a generator,
        statistics that are renewed, and several passes over one batch (Monte Carlo dropout) are not meant.
    Where: the eval() that nothing takes back; else the forward pass.
    Try: model.train() at the start of the training function, model.eval() at the start of the evaluation.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for epoch in range(3):
            for inputs, targets in train_loader:
                optimizer.zero_grad()
                loss_fn(model(inputs), targets).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                losses = [loss_fn(model(inputs), targets).item() for inputs, targets in val_loader]
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for epoch in range(3):
            model.train()
            for inputs, targets in train_loader:
                optimizer.zero_grad()
                loss_fn(model(inputs), targets).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                losses = [loss_fn(model(inputs), targets).item() for inputs, targets in val_loader]
    Source: torch documentation, Autograd mechanics: evaluation mode.
    """
    trained = [model for model in result.models if model.held]
    if not trained:
        raise NotChecked("because no step of a model that was called was seen")
    training = _training_loaders(result)
    for model in trained:
        if model.modes_matter and not all(part.startswith("(") for part in model.modes_matter):
            yield from _trained_in_eval(result, model)
            yield from _evaluated_in_train(result, model, training)


# -- trained in eval mode -----------------------------------------------------------------------------------------


def _trained_in_eval(result: WatchResult, model: Model) -> Iterator[Seen]:
    asleep, awake = [], []
    for optimizer in model.optimizers:
        for update in updates(result, optimizer):
            modes = {e.facts["training"] or e.facts["awake"] != "none" for e in _descended(update.before, model)}
            if modes:
                (awake if True in modes else asleep).append(update)
    if count(asleep) < ENOUGH or count(asleep) < SHARE * (count(asleep) + count(awake)) or model.held <= MOSTLY * model.parameters:
        return
    if not awake and _is_frozen_norm(result, model):
        return
    first = min((u.cycle for u in asleep), key=lambda cycle: cycle.first)
    call = _eval_call(result, model, first)
    own = _overridden(result, model, first) if call is None else None
    forward = next(e for e in first.events if e.kind == "forward" and e.who == model.name and e.facts["grad"])
    since = f"`{call.who}.eval()` is not taken back" if call is not None else own[0] if own is not None else "no train() was seen before"
    before = f", after {counted(count(awake), 'step')} in train mode" if awake else ""
    yield Seen(
        f"`{model.name}` was trained in eval mode at {counted(count(asleep), 'step')} ({span(u.cycle for u in asleep)}){before}: {since}, "
        f"and {_listed(model)} did not work as for training",
        own[1] if own is not None else (call or forward).place, evidence([u.cycle for u in asleep], in_eval=count(asleep), in_train=count(awake)),
        advice="model.train() at the start of every epoch",
    )  # fmt: skip


def _descended(events: tuple[Event, ...], model: Model) -> list[Event]:
    """The forward passes of a model, with gradients, that a backward pass came after."""
    last = max((i for i, e in enumerate(events) if e.kind == "backward"), default=len(events))
    return [e for e in events[:last] if e.kind == "forward" and e.who == model.name and e.facts["grad"]]


def _is_frozen_norm(result: WatchResult, model: Model) -> bool:
    """A part whose normalisation is frozen, beside other parts that are trained in train mode."""
    if not all(NORMS.search(part) for part in model.modes_matter):
        return False
    return any(e.who != model.name and e.facts["training"] and e.facts["grad"] for _, e in result.events("forward"))


def _eval_call(result: WatchResult, model: Model, until: Cycle) -> Event | None:
    """The eval() that put it in this mode: the last one before."""
    found: list[tuple[bool, int, Event]] = []
    for cycle in result.cycles:
        events = cycle.events
        if cycle is until:
            reached = next(i for i, e in enumerate(events) if e.kind == "forward" and e.who == model.name and e.facts["grad"])
            events = events[:reached]
        if cycle.first <= until.first:
            found += [(e.who == model.name, cycle.first, e) for e in events if e.kind == "mode" and not e.facts["training"]]
    return max(found, key=lambda entry: entry[:2])[2] if found else None


def _overridden(result: WatchResult, model: Model, until: Cycle) -> tuple[str, Location] | None:
    """A train() of the model's own that ran and puts its parts into eval mode: what it says, and the line."""
    called = [e for c in result.cycles if c.first <= until.first for e in c.events if e.kind == "mode" and e.facts["training"]]
    for scope in scopes(result.sources):
        if scope.name != "train" or not any(scope.covers(scope.node, event.place) for event in called):
            continue
        for node in scope.nodes():
            off = isinstance(node, ast.Assign) and last_name(node.targets[0]) == "training" and isinstance(node.value, ast.Constant) and node.value.value is False
            if off or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "eval"):
                return f"its own `train()` puts its parts into eval mode again ({model.kind})", scope.place(node)
    return None


# -- evaluated in train mode --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """A forward pass in train mode that no backward pass follows."""

    cycle: Cycle
    forward: Event
    losses: tuple[Event, ...]  # computed from it
    woken: Location | None  # where the function that evaluates had put it in train mode itself
    batches: int  # of its loader, in this cycle; 0: there is none
    begun: int  # how often the loader began anew in this cycle


def _evaluated_in_train(result: WatchResult, model: Model, training: set[str]) -> Iterator[Seen]:
    looks = list(_looks(result, model))
    on_loader = [k for k in looks if k.batches and k.begun and k.forward.facts["loader"] not in training and not _is_sampled(k)]
    passes = sum(k.forward.times * k.cycle.times for k in on_loader)
    if on_loader and (passes > 1 or any(k.losses for k in on_loader)):
        yield _seen(model, on_loader, passes, f" on `{on_loader[0].forward.facts['loader']}`")
        return
    steps = max(1, result.steps)
    rest = [k for k in looks if not k.forward.facts["grad"] and k not in on_loader and k.forward.facts["loader"] in training | {""}]
    for place in dict.fromkeys(k.forward.place for k in rest):
        same = [k for k in rest if k.forward.place == place]
        rare = sum(k.cycle.times for k in same) <= ONCE * steps
        if rare and all(_is_measured(result, k) for k in same):
            yield _seen(model, same, sum(k.forward.times * k.cycle.times for k in same), "")
            return


def _seen(model: Model, looks: list[_Look], passes: int, where: str) -> Seen:
    return Seen(
        f"{counted(passes, 'forward pass')} of `{model.name}`{where} without a backward pass ran in train mode "
        f"({span(k.cycle for k in looks)}): {_listed(model)} worked as for training",
        looks[0].woken or looks[0].forward.place, evidence([k.cycle for k in looks], passes=passes), advice="model.eval() before, model.train() after",
    )  # fmt: skip


def _looks(result: WatchResult, model: Model) -> Iterator[_Look]:
    for cycle in result.cycles:
        begun: dict[str, int] = {}
        for event in cycle.of("epoch"):
            begun[event.who] = begun.get(event.who, 0) + event.times
        unnamed = sum(times for name, times in begun.items() if name.startswith(UNNAMED))
        batches: dict[str, int] = {}
        for i, event in enumerate(cycle.events):
            if event.kind == "batch":
                batches[event.who] = batches.get(event.who, 0) + event.times
            elif event.kind == "forward" and event.who == model.name and event.facts["training"] and event.facts["awake"] != "none":
                following = _following(cycle.events[i + 1 :])
                if not event.facts["grad"] or not any(e.kind == "backward" for e in following):
                    loader = str(event.facts["loader"])
                    losses = tuple(e for e in following if e.kind == "loss")
                    times = unnamed if loader.startswith(UNNAMED) else begun.get(loader, 0)
                    yield _Look(cycle, event, losses, _woken(result, (*_just_before(result, cycle), *cycle.events[:i]), event), batches.get(loader, 0), times)


def _woken(result: WatchResult, before: tuple[Event, ...], forward: Event) -> Location | None:
    """The call of `train()` after which nothing was trained, in the very function whose forward pass it is."""
    since = [e for e in before if e.kind == "backward" or (e.kind == "mode" and e.who == forward.who)][-1:]
    place = since[0].place if since and since[0].kind == "mode" and since[0].facts["training"] else None
    return place if place is not None and _function(result, place) == _function(result, forward.place) != "" else None


def _just_before(result: WatchResult, cycle: Cycle) -> tuple[Event, ...]:
    """What happened up to the update before a cycle's first, and after it: modes are set at its end. Nothing where that update went as many others."""
    return next((c.events for c in result.cycles if c.first == cycle.first - 1), ())


def _function(result: WatchResult, place: Location) -> str:
    """The innermost function of the user's around a line; "" of none."""
    around = [scope for scope in scopes(result.sources) if scope.name and scope.covers(scope.node, place)]
    return max(around, key=lambda scope: scope.place(scope.node).line or 0).name if around else ""


def _following(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Up to the next batch or epoch, or the next step."""
    end = next((i for i, e in enumerate(events) if e.kind in ("batch", "epoch", "step")), len(events))
    return events[:end]


def _is_sampled(look: _Look) -> bool:
    """Several passes for each batch, or over all of them: the randomness is wanted."""
    return look.forward.times >= 2 * look.batches or look.begun >= AGAIN


def _is_measured(result: WatchResult, look: _Look) -> bool:
    """A loss without a gradient is computed of it, or an accuracy, or the line or its function speaks of validation."""
    without = [e for e in look.losses if not e.facts["grad"] and e.facts["reduction"] != "none"]
    line = _text(result, look.forward.place)
    if without or HITS.search(line):
        return True
    around = [scope for scope in scopes(result.sources) if scope.name and scope.covers(scope.node, look.forward.place)]
    function = max(around, key=lambda scope: scope.place(scope.node).line or 0).name if around else ""
    return look.forward.times == 1 and bool(EVALUATES.search(line) or EVALUATES.search(function))


def _text(result: WatchResult, place: Location) -> str:
    """The line, as it is written."""
    for source in result.sources:
        first = source.place.line
        if (source.place.file, source.place.cell) == (place.file, place.cell) and first is not None and place.line is not None:
            lines = source.text.splitlines()
            if 0 <= place.line - first < len(lines):
                return lines[place.line - first]
    return ""


def _training_loaders(result: WatchResult) -> set[str]:
    """Loaders whose batches came last before a forward pass that a backward pass followed."""
    found: set[str] = set()
    for cycle in result.cycles:
        loader = None
        for event in cycle.events:
            if event.kind == "forward" and event.facts["grad"]:
                loader = str(event.facts["loader"])
            elif event.kind == "backward" and loader is not None:
                found.add(loader)
    return found


def _listed(model: Model) -> str:
    shown = [part.strip() for part in model.modes_matter[:2]]
    more = len(model.modes_matter) - len(shown)
    return " and ".join([", ".join(shown), f"{more} more"] if more else shown)
