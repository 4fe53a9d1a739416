"""Checks of float16: a scaler that is missing, or whose calls come in the wrong order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.numbers.magnitudes import LABELS
from nbdebug.instruments.watch.reading.order import (
    Update,
    count,
    counted,
    evidence,
    holds,
    span,
    stepping,
    updates,
)
from nbdebug.instruments.watch.reading.source import dotted, last_name
from nbdebug.instruments.watch.reading.written import only_line
from nbdebug.instruments.watch.result import Cycle, Event, TensorTrack, WatchResult
from nbdebug.instruments.watch.session import watched

ENOUGH = 2  # steps; our choice
LARGE = 256.0  # a limit for clipping that is above it was multiplied by the scale on purpose; our choice, scales begin at 65536
EDGE = LABELS.index("2^-20")  # bins below it are within 16 times the smallest step of float16: where gradients reach down to there, smaller ones are lost
LOSES = 0.01  # of the gradients, that lie below; our choice: magnitudes thin out towards zero, so that fewer than these are lost


@watched.check(
    "ND805", "float16 without a scaler", severity=WARNING,
    advice="torch.amp.GradScaler around backward() and step(), or bfloat16, which needs none",
)  # fmt: skip
def scaler_missing(result: WatchResult) -> Iterator[Seen]:
    """A backward pass through float16 whose loss is not scaled.

    Wrong: gradients below 6e-8 become zero in float16, and many are that small, so that a part of the model stops
        learning without a word.
    Seen: a forward pass with gradients that ran in float16 (autocast, also inside of the model, or weights in half
        precision), a backward pass from a loss that no scaler that is switched on had multiplied, and a step that uses
        it. bfloat16, passes without gradients, and a loss multiplied by hand are not meant. Weights in float16, for which there is no scaler, are an info
        where less than a hundredth of their gradients came near the smallest step of float16 (below 2^-20): none to speak of is lost then.
    Where: the backward pass.
    Try: scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update(). Or dtype=torch.bfloat16.
    Bad:
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()
    Good:
        scaler = torch.amp.GradScaler("cpu")
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    Source: torch documentation, Automatic Mixed Precision: gradient scaling; Micikevicius et al., Mixed Precision Training (2018).
    """
    _demand_steps(result)
    for optimizer in stepping(result):
        found = [(u, e) for u in updates(result, optimizer.name) for e in _unscaled(u)]
        if found and count(u for u, _ in found) >= ENOUGH:
            update, backward = found[0]
            whole = [m.name for m in result.models if m.dtype == "float16" and optimizer.name in m.optimizers]
            how = f"the weights of `{whole[0]}` are float16" if whole else "the forward pass ran in float16"
            advice = "keep the weights in float32 and use autocast with a GradScaler, or bfloat16" if whole else None
            near = _near_zero(result, [name for group in optimizer.groups for name in group.parameters]) if whole else None
            seen = f"; {near:.1%} of those of the weights came within 16 times of it" if near is not None else ""
            yield Seen(
                f"{how}, and no scaler multiplied the loss before this backward pass, at {counted(count(u for u, _ in found), 'step')} of "
                f"`{optimizer.name}` ({span(u.cycle for u, _ in found)}): gradients below 6e-8 become zero{seen}",
                backward.place, evidence([u.cycle for u, _ in found], steps=count(u for u, _ in found), near_zero=near), advice=advice,
                severity=INFO if near is not None and near < LOSES else None,
            )  # fmt: skip
            return


def _near_zero(result: WatchResult, parameters: list[str]) -> float | None:
    """Of the gradients that are not zero, the share that is nearly; what never got any other counts whole, and of others zeros say nothing: rows of a table that no batch asked for."""
    tracks = [t for t in result.tensors_of("gradient") if t.name in parameters and any(t.counts)]
    known, near = 0.0, 0.0
    for track in tracks:
        there = _share(track, 1, len(LABELS))
        known += track.elements * (there or 1.0)
        near += track.elements * (_share(track, 1, EDGE) if there else 1.0)
    return near / known if known else None


def _share(track: TensorTrack, first: int, last: int) -> float:
    """Of all elements that were looked at, those of these bins."""
    return sum(sum(counts[first:last]) for counts in track.counts) / max(1, sum(map(sum, track.counts)))


def _unscaled(update: Update) -> list[Event]:
    facts = update.step.facts
    if facts["by_scaler"] or facts["skipped"]:
        return []  # a pass that was forgotten among scaled ones is ND806
    found = [e for e in update.passes() if e.facts["half"] and not e.facts["scaled"]]
    by_hand = facts["touched"] or any(e.kind == "clip" for e in update.before)
    return [e for e in found if not (e.facts["divided"] and by_hand)][:1]


@watched.check(
    "ND806", "scaler in the wrong order", severity=ERROR,
    advice="scaler.scale(loss).backward(), scaler.unscale_(optimizer), clip, scaler.step(optimizer), scaler.update()",
)  # fmt: skip
def unscale_order(result: WatchResult) -> Iterator[Seen]:
    """Clipping, a step or an update that meets gradients which are multiplied by the scale, or are not.

    Wrong: gradients that are multiplied by 65536 are all clipped to the limit; a step with them is 65536 times too
        large; and divided once too often they are nothing.
    Seen: whether what is in the gradients is multiplied by the scale when each call comes: clipping (also by hand, with clamp) before unscale_, a
        step that does not go through scaler.step, scaler.update between unscale_ and the step or never, scaled and
        plain gradients in one sum, scaler.step with gradients that were never scaled. Limits above 256 (our
        choice) count as multiplied by the scale on purpose, and gradients that the loop divides itself are not meant.
    Where: the call that comes at the wrong time.
    Try: the order of the advice; with several optimizers, one scaler.update() at the end.
    Bad:
        scaler = torch.amp.GradScaler("cpu")
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(inputs), targets)
            scaler.scale(loss).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
    Good:
        scaler = torch.amp.GradScaler("cpu")
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
    Source: torch documentation, Automatic Mixed Precision examples: gradient clipping, working with multiple losses and optimizers.
    """
    _demand_steps(result)
    found: dict[Location, list[_Wrong]] = {}
    for wrong in _wrong(result):
        found.setdefault(wrong.place, []).append(wrong)
    for place, same in found.items():
        times = sum(w.cycle.times for w in same)
        numbers = evidence([w.cycle for w in same], times=times)
        yield Seen(f"{same[0].said} ({counted(times, 'time')}, {span(w.cycle for w in same)})", place, numbers)


@dataclass(frozen=True)
class _Wrong:
    said: str
    place: Location
    cycle: Cycle


def _wrong(result: WatchResult) -> Iterator[_Wrong]:
    for cycle, event in result.events("clip"):
        limit = float(event.facts["limit"] or 0)
        if event.facts["scaled"] and limit <= LARGE:
            said = f"gradients of `{event.who}` are clipped to {limit:g} while they are still multiplied by the scale"
            yield _Wrong(f"{said}: unscale_ comes later or never", event.place, cycle)
    for optimizer in stepping(result):
        for update in updates(result, optimizer.name):
            yield from _wrong_step(update)
            yield from _clamped(result, update)
    yield from _never_updated(result)


def _wrong_step(update: Update) -> Iterator[_Wrong]:
    step = update.step
    who = step.who
    if not step.facts["by_scaler"]:
        if step.facts["scaled"] and not step.facts["touched"]:
            said = f"`{who}.step()` uses gradients that are multiplied by the scale"
            yield _Wrong(f"{said}: scaler.step({who}) would divide them", step.place, update.cycle)
        return
    state, pending = "", False  # "scaled", "plain" (never scaled) or "unscaled"; whether the scaler must not be updated now
    for event in update.before:
        if event.kind == "zero" and holds(event, "of", who) or event.kind == "step" and event.who == who:
            state, pending = "", False
        elif event.kind == "unscale" and event.who == who:
            state, pending = "unscaled", True
        elif event.kind == "scaler_update" and pending:
            yield _Wrong(f"the scaler is updated before the step of `{who}` that its scale belongs to", event.place, update.cycle)
            return
        elif event.kind == "backward" and holds(event, "reached", who):
            scaled = bool(event.facts["scaled"])
            if scaled and state == "unscaled" or scaled == (state == "plain") and state in ("scaled", "plain"):
                yield _Wrong(_mixed(who, state, scaled=scaled), event.place, update.cycle)
                return
            state, pending = ("scaled", True) if scaled else (state or "plain", pending)
    if state == "plain" and not any(e.facts["divided"] for e in update.passes()) and not step.facts["touched"]:
        backward = update.passes()[-1]
        said = f"scaler.step({who}) divides gradients by the scale that this backward pass did not multiply"
        yield _Wrong(f"{said}: scaler.scale(loss).backward()", backward.place, update.cycle)


def _clamped(result: WatchResult, update: Update) -> Iterator[_Wrong]:
    """Gradients that the loop clamps by hand while they are multiplied by the scale."""
    since = [e for e in update.before if e.kind == "unscale" and e.who == update.step.who]
    if not update.step.facts["by_scaler"] or not update.step.facts["touched"] or since or not any(e.facts["scaled"] for e in update.passes()):
        return
    place = only_line(result, _clamps)
    if place is not None:
        said = f"gradients of `{update.step.who}` are clamped here while they are still multiplied by the scale"
        yield _Wrong(f"{said}: scaler.unscale_({update.step.who}) comes before", place, update.cycle)


def _clamps(node: ast.AST) -> bool:
    """Whether it cuts a gradient off at a limit: p.grad.clamp_(-1, 1), torch.clamp(p.grad, -1, 1)."""
    if not isinstance(node, ast.Call) or last_name(node.func) not in ("clamp_", "clamp", "clip_", "clip", "clamp_min_", "clamp_max_", "nan_to_num_"):
        return False
    whose = [node.func.value] if isinstance(node.func, ast.Attribute) else []
    return any("grad" in dotted(part).split(".") for part in (*whose, *node.args[:1]))


def _mixed(who: str, state: str, *, scaled: bool) -> str:
    new = "multiplied by the scale" if scaled else "not multiplied by the scale"
    old = {"scaled": "that are multiplied by it", "plain": "that are not", "unscaled": "that unscale_ has divided already"}[state]
    return f"this backward pass adds gradients that are {new} to gradients of `{who}` {old}"


def _never_updated(result: WatchResult) -> Iterator[_Wrong]:
    """Steps of the scaler, then another scaled pass, and no update at all."""
    stepped = [(c, e) for c, e in result.events("step") if e.facts["by_scaler"]]
    if not stepped or any(True for _ in result.events("scaler_update")):
        return
    cycle, step = min(stepped, key=lambda found: found[0].first)
    if any(c.last > cycle.first for c, e in result.events("backward") if e.facts["scaled"]):
        yield _Wrong("scaler.step() is never followed by scaler.update(), which it needs before the next step", step.place, cycle)


def _demand_steps(result: WatchResult) -> None:
    if not stepping(result):
        raise NotChecked("because no optimizer stepped")
