"""Checks of what is in the gradients when a step uses them: too much, too little, or of the wrong time."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.order import (
    Update,
    count,
    counted,
    evidence,
    holds,
    is_conditional,
    named_and_not_called,
    span,
    stepping,
    updates,
)
from nbdebug.instruments.watch.result import Event, Optimizer, WatchResult
from nbdebug.instruments.watch.session import watched

ENOUGH = 3  # steps with gradients of steps before; our choice
SHARE = 0.2  # of an optimizer's steps; our choice: clearing once an epoch of five steps is found
HABIT = 0.8  # share of the updates that must go alike; our choice: leaving out a bad batch now and then is no habit


@watched.check(
    "ND603", "gradients not cleared, or not divided", severity=WARNING,
    advice="call optimizer.zero_grad() once for each step, right before the first backward() of an update",
)  # fmt: skip
def gradients_not_cleared(result: WatchResult) -> Iterator[Seen]:
    """An update made of the wrong gradients: of steps before, of one batch out of many, or of a sum that was to be a mean.

    Wrong: without `zero_grad()` every update adds all batches so far; with it after every batch, accumulation keeps
        only the last one; without dividing the loss, accumulating over k batches makes the update k times as large.
    Seen: gradients that a step has used are still there at the next backward pass and the next step (three steps or
        more, and a fifth of them; our choice); or zero_grad() throws away what the very backward pass gave that the
        step then uses again with another batch; or several undivided backward passes of a mean loss add up in each
        update of an optimizer that heeds the size of gradients (for Adam and after clipping to a norm: info or nothing).
        Gradients cleared or changed by hand, thrown away by a discriminator, or used by the loop itself are not meant.
    Where: the zero_grad() that is not called, clears the wrong thing or comes at the wrong time; else the backward pass.
    Try: zero_grad() once for each step; (loss / k).backward() when k batches are accumulated.
    Bad:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for inputs, targets in train_loader:
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()
    Good:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()
    Source: torch documentation, torch.optim.Optimizer.zero_grad; automatic mixed precision examples: gradient accumulation.
    """
    known = stepping(result)
    if sum(o.steps + o.skipped for o in known) < ENOUGH:
        raise NotChecked(f"because fewer than {ENOUGH} steps were seen")
    for optimizer in known:
        made = updates(result, optimizer.name)
        yield from _piled_up(result, optimizer, made)
        yield from _thrown_away(result, optimizer, made)
        yield from _not_divided(result, optimizer, made)


def _piled_up(result: WatchResult, optimizer: Optimizer, made: list[Update]) -> Iterator[Seen]:
    stale = [u for u in made if u.step.facts["stale"] and u.step.facts["from"]]
    if count(stale) < ENOUGH or count(stale) < SHARE * count(made):
        return
    clears = sum(c.times * e.times for c, e in result.events("zero") if holds(e, "of", optimizer.name))
    why, place = _why_stale(result, optimizer, stale)
    yield Seen(
        f"at {count(stale):,} of {counted(count(made), 'step')} ({span(u.cycle for u in stale)}) the gradients of `{optimizer.name}` still "
        f"held what the steps before had used; {why}",
        place, evidence([u.cycle for u in stale], steps=count(made), stale=count(stale), cleared=clears),
    )  # fmt: skip


def _why_stale(result: WatchResult, optimizer: Optimizer, stale: list[Update]) -> tuple[str, Location]:
    own = optimizer.name.rpartition(".")[2]
    for name, place in named_and_not_called(result, "zero_grad"):
        return f"`{name}.zero_grad` is named and not called", place
    events = [event for update in stale for event in update.before if event.kind == "zero"]
    later = [(u.times, event) for u in stale for event in u.after if event.kind == "zero"]
    events += [event for times, event in later if times >= HABIT * count(stale)]
    for event in events:
        if holds(event, "of", optimizer.name):
            return f"`{event.who}.zero_grad()` clears only a part of what `{own}` holds", event.place
    for event in events:
        if not event.facts["of"]:
            return f"`{event.who}.zero_grad()` clears nothing of it", event.place
    clears = sum(c.times * e.times for c, e in result.events("zero") if holds(e, "of", optimizer.name))
    once = {e.place for _, e in result.events("zero") if holds(e, "of", optimizer.name)}
    if len(once) == 1:
        return f"they were cleared {counted(clears, 'time')} only, here", once.pop()
    onto = [e for u in stale for e in u.before if e.kind == "backward" and holds(e, "onto", optimizer.name)]
    said = "nothing ever clears them" if not clears else f"they were cleared {counted(clears, 'time')} only"
    return f"{said}, and this backward pass adds to them", onto[0].place if onto else stale[0].step.place


def _thrown_away(result: WatchResult, optimizer: Optimizer, made: list[Update]) -> Iterator[Seen]:
    if any(source.gradients for source in result.sources):
        return  # the loop reads gradients: what is thrown away may have been put to use
    wasteful = [(u, zero, thrown) for u in made for zero, thrown in _wasted(optimizer, u)]
    concerned = [u for u, _, _ in wasteful]
    if count(concerned) < 2 or count(concerned) < HABIT * count(made):
        return
    update, zero, thrown = max(wasteful, key=lambda found: found[0].times)
    yield Seen(
        f"zero_grad() is called after every backward pass, so that each update of `{optimizer.name}` uses only the last "
        f"of {thrown + 1} batches ({span(u.cycle for u in concerned)})",
        zero.place, evidence([u.cycle for u in concerned], thrown=thrown, steps=count(made)),
        advice="clear the gradients once for each step, not once for each batch",
    )  # fmt: skip


def _wasted(optimizer: Optimizer, update: Update) -> Iterator[tuple[Event, int]]:
    """The zero_grad() that throws away what the very backward pass gave that the step uses, and how many passes it threw."""
    facts = update.step.facts
    if facts["touched"] or facts["closure"] or any(e.facts.get("input_grad") for e in update.before if e.kind == "forward"):
        return
    zeros = [e for e in update.before if e.kind == "zero" and holds(e, "threw", optimizer.name)]
    same = [e for e in zeros if e.facts["from"] and e.facts["from"] == facts["from"]]
    descended = next((i for i, e in enumerate(update.before) if e.kind == "backward"), len(update.before))
    fresh = "batch" if any(e.kind == "batch" for e in update.before) else "forward"
    if same and any(e.kind == fresh for e in update.before[descended:]):
        yield same[-1], sum(e.times for e in same)


def _not_divided(result: WatchResult, optimizer: Optimizer, made: list[Update]) -> Iterator[Seen]:
    summed = [(u, backward) for u in made if (backward := _summed(result, u)) is not None]
    if count(u for u, _ in summed) < 2 or count(u for u, _ in summed) < HABIT * count(made):
        return
    update, backward = max(summed, key=lambda found: found[0].times)
    passes = sum(e.times for e in update.passes() if e.place == backward.place)
    rate = f"lr {optimizer.groups[0].lr:g}" if optimizer.groups else "its learning rate"
    yield Seen(
        f"{passes} backward passes add up in each update of `{optimizer.name}` ({optimizer.kind}, {span(u.cycle for u, _ in summed)}), and the "
        f"loss is not divided by {passes}: the gradient is {passes} times that of a mean over these batches, at {rate}",
        backward.place, evidence([u.cycle for u, _ in summed], passes=passes, steps=count(made)),
        INFO if optimizer.adaptive else None, f"(loss / {passes}).backward(), or a learning rate {passes} times smaller on purpose",
    )  # fmt: skip


def _summed(result: WatchResult, update: Update) -> Event | None:
    """The backward pass of a mean loss that comes several times before a step, with a batch of its own each time."""
    facts = update.step.facts
    if facts["stale"] or facts["touched"] or facts["closure"] or facts["skipped"]:
        return None
    if any(e.kind == "clip" and e.facts["by"] == "norm" and math.isfinite(float(e.facts["limit"] or 0)) for e in update.before):
        return None
    losses = [e for e in update.before if e.kind == "loss" and e.facts["grad"]]
    passes = update.passes()
    if not losses or any(e.facts["reduction"] != "mean" for e in losses) or any(e.facts["divided"] for e in passes):
        return None
    batches: dict[str, int] = {}
    for event in update.before:
        if event.kind == "batch":
            batches[event.who] = batches.get(event.who, 0) + event.times
    for place in dict.fromkeys(e.place for e in passes):
        several = [e for e in passes if e.place == place]
        times = sum(e.times for e in several)
        own_batches = batches.get(max(batches, key=lambda name: batches[name]), 0) >= times if batches else is_conditional(result, update.step)
        if times > 1 and own_batches and len({e.place for e in passes}) == 1:
            return several[0]
    return None
