"""Checks of what an update moves: parameters that no optimizer holds, steps that are missing or find nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from torch import nn

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.courses import training_loader
from nbdebug.instruments.watch.reading.order import (
    Update,
    built_at,
    count,
    counted,
    evidence,
    holds,
    named_and_not_called,
    span,
    stepping,
    updates,
    written,
)
from nbdebug.instruments.watch.reading.source import dotted, last_name
from nbdebug.instruments.watch.reading.written import everything, only_line
from nbdebug.instruments.watch.result import Event, Model, Optimizer, Stray, WatchResult
from nbdebug.instruments.watch.session import watched

ENOUGH = 3  # backward passes without a step, or steps without a gradient; our choice: fewer are looks and warm starts
NEARLY_ALL = 0.9  # share of an optimizer's steps that find nothing; our choice: the first one of a run may find something
WHOLE = 2  # epochs without a step, of a loop that means to accumulate; our choice: over more than one nobody does
PATIENT = 8  # passes after which an optimizer that never stepped beside others is asked about; our choice


@watched.check(
    "ND601", "parameter not in the optimizer", severity=ERROR,
    advice="build the optimizer last, from model.parameters() of the finished model",
)  # fmt: skip
def parameter_not_optimised(result: WatchResult) -> Iterator[Seen]:
    """Gradients that arrive at parameters which no optimizer that stepped holds, while the loop ran."""
    if not stepping(result):
        raise NotChecked("because no optimizer stepped")
    still = [stray for stray in result.strays if not stray.moved]
    for name, group in groupby(still, key=lambda stray: stray.model):
        model = next((m for m in result.models if m.name == name), None)
        if model is not None:
            yield _left_out(result, model, list(group))


def _left_out(result: WatchResult, model: Model, strays: list[Stray]) -> Seen:
    optimizer, step = _meant(result, model)
    them = strays[0].name if len(strays) == 1 else f"{strays[0].name} and {len(strays) - 1} more"
    gets, it = ("gets", "it") if len(strays) == 1 else ("get", "them")
    message = f"{them} of `{model.name}` {gets} gradients, but no optimizer that stepped holds {it}"
    place = replace(built_at(result, optimizer) or step.place, parameter=strays[0].name)
    numbers = evidence(result.cycles, left_out=sum(s.elements for s in strays), held=model.held)
    if any(s.replaced for s in strays):
        return Seen(f"{message}; `{optimizer.name}` holds tensors like {it} that no model has: it was built before", place, numbers)
    if not model.held and all(u.step.facts["gradients"] != "some" for u in updates(result, optimizer.name)):
        return Seen(f"{message}; `{optimizer.name}` holds nothing that gets a gradient", place, numbers)
    why = _forgotten(result, model, optimizer, strays)
    if why is not None:
        line = replace(why[1], parameter=strays[0].name) if why[1] is not None else place
        return Seen(f"{message}{why[0]}", line, numbers, severity=WARNING)
    if not model.held or max(s.order for s in strays) < model.first_held or sum(s.elements for s in strays) > model.held:
        advice = "requires_grad_(False) on what is frozen saves its backward pass"
        return Seen(f"{message}: frozen on purpose?", place, numbers, severity=INFO, advice=advice)
    return Seen(message, place, numbers, severity=WARNING)


def _forgotten(result: WatchResult, model: Model, optimizer: Optimizer, strays: list[Stray]) -> tuple[str, Location | None] | None:
    """Why this was not frozen on purpose, in words, and the line of it: the loss's own parameters, half of a layer, a generator that was begun."""
    own = not model.held and not hasattr(nn, model.kind) and not any("." in s.name for s in strays)
    if own and any(other.held for other in result.models):
        return f": what `{model.name}` ({model.kind}) is to learn stays as it was made", result.built_at(model.name)
    if [other.name for other in result.models if other.held] != [model.name]:
        return None  # the names of several models are alike
    held = {name.rpartition(".")[0] for group in optimizer.groups for name in group.parameters}
    split = [s.name for s in strays if "." in s.name and s.name.rpartition(".")[0] in held]
    taken = strays[0].order == 0 and len(strays) == 1 and _begun(result, optimizer)
    if taken:
        return f": `next()` had taken it out of what `{optimizer.name}` was built from", taken
    if split and len(split) == len(strays):
        return f", while it holds the rest of `{split[0].rpartition('.')[0]}`", None
    return None


def _begun(result: WatchResult, optimizer: Optimizer) -> Location | None:
    """The one line that calls next() on a generator of parameters from which an optimizer of this kind is built."""
    made = {
        dotted(node.args[0])
        for scope in everything(result)
        for node in scope.nodes()
        if isinstance(node, ast.Call) and last_name(node.func) == optimizer.kind and node.args
    }
    return only_line(result, lambda node: isinstance(node, ast.Call) and last_name(node.func) == "next" and bool(node.args) and dotted(node.args[0]) in made - {""})


def _meant(result: WatchResult, model: Model) -> tuple[Optimizer, Event]:
    """The optimizer that should hold them, and a step of it."""
    known = stepping(result)
    mine = [o for o in known if o.name in model.optimizers] or known
    return mine[0], updates(result, mine[0].name)[0].step


@watched.check(
    "ND602", "weights are not updated", severity=ERROR,
    advice="in this order: optimizer.zero_grad(), loss.backward(), optimizer.step()",
)  # fmt: skip
def step_missing(result: WatchResult) -> Iterator[Seen]:
    """Gradients that no step uses, or steps that find no gradients.

    Wrong: `step()` or `backward()` is missing, or they come in the wrong order, so the weights stay what they are.
    Seen: three backward passes or more whose gradients `zero_grad()` threw away while no optimizer ever stepped and
        nothing else read or used them, or that filled two epochs while a step that is written was never reached; or an optimizer that finds no gradients at nine of ten of its steps, or only
        those that the step before had used (our choice). A loop that reads `.grad`, as for saliency or Fisher
        information, that moves the weights itself, or that puts gradients in by hand, is not accused.
    Where: the line of the call at fault: the backward pass that is for nothing, the zero_grad() in between, the step().
    Try: zero_grad(), backward(), step(), once each and in this order.
    Bad:
        for inputs, targets in train_loader:
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
    Good:
        for inputs, targets in train_loader:
            loss = loss_fn(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    Source: torch documentation, torch.optim: taking an optimization step.
    """
    if not any(True for _ in result.events("backward", "step")):
        raise NotChecked("because neither a backward pass nor a step was seen")
    known = stepping(result)
    idle = [optimizer for optimizer in result.optimizers if optimizer not in known and not optimizer.by_hand]
    for optimizer in known:
        yield from _finds_nothing(result, optimizer)
    if known:
        for optimizer in idle:
            yield from _one_never_steps(result, optimizer)
        return
    found = [seen for optimizer in idle for seen in _never_steps(result, optimizer)]
    passes = sum(cycle.times * event.times for cycle, event in result.events("backward"))
    if not found and passes >= ENOUGH and any(not o.by_hand for o in result.optimizers):
        why = "the loop may want the gradients themselves" if _reads_gradients(result) else "they may be accumulated for longer"
        raise NotChecked(f"because no step was seen in {counted(passes, 'backward pass')}, and {why}")
    yield from found


def _never_steps(result: WatchResult, optimizer: Optimizer) -> Iterator[Seen]:
    passes = [(c, e) for c, e in result.events("backward") if holds(e, "reached", optimizer.name)]
    total = sum(cycle.times * event.times for cycle, event in passes)
    thrown = sum(c.times * e.times for c, e in result.events("zero") if holds(e, "threw", optimizer.name))
    if total < ENOUGH:
        return
    said = f"{counted(total, 'backward pass')} gave gradients to `{optimizer.name}`, and it never stepped"
    numbers = evidence([c for c, _ in passes], passes=total, steps=0)
    for name, place in named_and_not_called(result, "step"):
        if name.rpartition(".")[2] == optimizer.name.rpartition(".")[2]:
            yield Seen(f"{said}: here `{name}.step` is named and not called", place, numbers, advice="write the parentheses: step()")
            return
    loader = training_loader(result)
    epochs = loader.epochs if loader is not None and loader.length and total >= WHOLE * loader.length else 0
    if _reads_gradients(result) or thrown < ENOUGH - 1 and epochs < WHOLE:
        return
    wanted = optimizer.name.rpartition(".")[2]
    waiting = only_line(result, lambda node: isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step" and last_name(node.func.value) == wanted)
    if waiting is not None:
        also = f"; zero_grad() threw the gradients away {thrown:,} times" if thrown >= ENOUGH - 1 else f" in {epochs} epochs over `{loader.name}`"  # type: ignore[union-attr]
        message = f"{said}: `{wanted}.step()` stands here and was never reached{also}"
        yield Seen(message, waiting, numbers, advice="look at the condition around it, and at what returns before it")
        return
    if thrown < ENOUGH - 1:
        return
    advice = f"call {optimizer.name}.step() after backward()"
    yield Seen(f"{said}; zero_grad() threw the gradients away {thrown:,} times", passes[-1][1].place, numbers, advice=advice)


def _reads_gradients(result: WatchResult) -> bool:
    """It may be meant for what gradients say, of the inputs or the weights, and not for training."""
    trains = any(e.facts["training"] and e.facts["grad"] and not e.facts["input_grad"] for _, e in result.events("forward"))
    return any(source.gradients for source in result.sources) or not trains


def _one_never_steps(result: WatchResult, optimizer: Optimizer) -> Iterator[Seen]:
    """Beside others that do: only if the loop clears it, and no step of it is written that did not come to run yet."""
    passes = [(c, e) for c, e in result.events("backward") if holds(e, "reached", optimizer.name)]
    total = sum(cycle.times * event.times for cycle, event in passes)
    cleared = [e for _, e in result.events("zero") if e.who == optimizer.name]
    ran = {e.place for _, e in result.events("step", "schedule")}
    waiting = [place for _, _, place in written(result, "step") if place not in ran]
    if total >= PATIENT and cleared and not waiting:
        others = " and ".join(o.name for o in stepping(result))
        yield Seen(
            f"{counted(total, 'backward pass')} gave gradients to `{optimizer.name}`, and only {others} stepped",
            passes[0][1].place, evidence([c for c, _ in passes], passes=total, steps=0), advice=f"call {optimizer.name}.step() too",
        )  # fmt: skip


def _finds_nothing(result: WatchResult, optimizer: Optimizer) -> Iterator[Seen]:
    made = [u for u in updates(result, optimizer.name) if not u.step.facts["skipped"]]
    empty = [u for u in made if u.step.facts["gradients"] != "some"]
    again = [u for u in made if u.step.facts["stale"] and not u.step.facts["from"]]
    if count(empty) >= ENOUGH and count(empty) >= NEARLY_ALL * count(made):
        why = _why_empty(result, optimizer, empty)
        if why is not None:
            said = f"`{optimizer.name}.step()` found {_what(empty)} at {count(empty):,} of {counted(count(made), 'step')} "
            numbers = evidence([u.cycle for u in empty], steps=count(made), without_gradient=count(empty))
            yield Seen(f"{said}({span(u.cycle for u in empty)}): {why[0]}", why[1], numbers)
    elif count(again) >= ENOUGH:
        yield Seen(
            f"`{optimizer.name}.step()` ran {count(again):,} times without a backward pass since the step before "
            f"({span(u.cycle for u in again)}): it used the same gradients again",
            again[0].step.place, evidence([u.cycle for u in again], steps=count(made), again=count(again)), WARNING,
            "one step() for each backward()",
        )  # fmt: skip


def _what(empty: list[Update]) -> str:
    return "no gradients" if any(u.step.facts["gradients"] == "none" for u in empty) else "only zeros"


def _why_empty(result: WatchResult, optimizer: Optimizer, empty: list[Update]) -> tuple[str, Location] | None:
    """What the cycles with a step for nothing have in common, and where; None when it lies elsewhere."""
    last = max(empty, key=lambda u: u.times)
    reached = False
    for event in last.before:
        reached = reached or (event.kind == "backward" and holds(event, "reached", optimizer.name))
        if reached and event.kind == "zero" and holds(event, "of", optimizer.name):
            return f"`{event.who}.zero_grad()` comes between backward() and step()", event.place
    if any(e.kind == "backward" and holds(e, "reached", optimizer.name) for e in last.after):
        return "it comes before backward(), and after zero_grad()", last.step.place
    if any(not stray.moved for stray in result.strays):
        return None  # they arrive elsewhere: ND601
    passes = [event for event in last.before if event.kind == "backward"]
    for name, place in named_and_not_called(result, "backward") if not passes else ():
        return f"`{name}.backward` is named and not called", place
    if not passes:
        return "there is no backward pass before it", last.step.place
    if all(not event.facts["reached"] for event in passes):
        return "this backward pass reaches no parameter of it: the loss is cut off from the model", passes[-1].place
    return None
