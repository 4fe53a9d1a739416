"""Checks of learning-rate schedules: stepped at the wrong moment, at the wrong pace, twice, or never."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.checks.heights import gone, rate_as_factor, still_warming
from nbdebug.instruments.watch.checks.plateau import wrong_way
from nbdebug.instruments.watch.reading.courses import Course, courses_of
from nbdebug.instruments.watch.reading.source import dotted, last_name, scopes, targets
from nbdebug.instruments.watch.result import Scheduler, WatchResult
from nbdebug.instruments.watch.session import watched

WARMING = 0.05  # of the base rate is all that a warm-up reached in at least 3 epochs; our choice
STEP_COUNTS = {"OneCycleLR": "total_steps", "CosineAnnealingLR": "T_max", "LinearLR": "total_iters", "PolynomialLR": "total_iters"}


@watched.check(
    "ND606", "schedule stepped wrongly", severity=WARNING,
    advice="step it where its settings count: per epoch after the inner loop, per batch right after optimizer.step()",
)  # fmt: skip
def schedule(result: WatchResult) -> Iterator[Seen]:
    """A learning-rate schedule that is stepped at the wrong moment or pace, or that decays to nothing.

    Wrong: a schedule counts its own step() calls. Called before the optimizer it skips its first value; in every batch, when
        its settings count epochs, it is through within the first epoch; once an epoch, when they count batches, it never
        leaves the warm-up; never called, the rate stays as it is. ReduceLROnPlateau with mode="max" takes a loss that falls
        for a plateau, with mode="min" a score that rises.
    Seen: the order of scheduler.step() and optimizer.step(); how often each was called, beside the loader's length and
        T_max, total_steps or total_iters; whether the rate fell to 1e-4 of its peak for good with half of the run or more
        still to come (our choice: published step schedules end at a thousandth; 2e-3 where the loss then is near that of a constant prediction); what ReduceLROnPlateau was given, by its name or as
        the validation loss, beside its mode; whether a warm-up stepped in every batch reached a tenth of its rate in three epochs; whether a
        LambdaLR ever made more than 2 % of its base rate. Warm-up from 0, restarts, cyclic rates and
        a decay to nothing at the very end are not accused; nor is a scheduler that was not stepped in a single epoch.
    Where: the line of scheduler.step(), or the one that makes a scheduler that is never stepped; the scheduler.
    Try: call scheduler.step() after optimizer.step(), at the pace that the settings count in.
    Bad:
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
        for epoch in range(6):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
                scheduler.step()
    Good:
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
        for epoch in range(6):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
            scheduler.step()
    Source: PyTorch documentation, How to adjust learning rate; the thresholds are our choice.
    """
    if not result.schedulers:
        return
    if not result.steps:
        raise NotChecked("because no optimizer stepped")
    for course in courses_of(result):
        judges = (_early, _twice, wrong_way, _epochs_in_batches, _batches_in_epochs, gone, still_warming, rate_as_factor, _never, _rises_again)
        seen = next((found for judge in judges if (found := judge(result, course)) is not None), None)
        if seen is not None:
            where = seen.location or course.scheduler.place
            yield replace(seen, location=replace(where, detail=course.scheduler.name))


def _early(result: WatchResult, course: Course) -> Seen | None:
    """One line that steps it before the first update and goes on doing so; a fast forward to a checkpoint does not go on."""
    calls = course.calls(result)
    early = {event.place for event in calls if event.facts["early"]} & {event.place for event in calls if not event.facts["early"]}
    if not early or course.scheduler.kind == "CosineAnnealingWarmRestarts":  # it is told the epoch, hence no step too far
        return None
    often = any(count > 1 for count in course.calls_in_a_cycle(result).values())
    place = next(event.place for event in calls if event.place in early)
    every = "a step" if course.each_batch else "an epoch"
    return Seen(
        f"`{course.scheduler.name}.step()` came before the first `{course.optimizer.name}.step()` (step 0), and was called "
        f"{course.scheduler.steps} times: the first rate of the schedule is skipped, and all later ones come {every} too early",
        place, {"scheduler_steps": course.scheduler.steps, "updates": course.updates}, severity=INFO if often else None,
    )  # fmt: skip


def _twice(result: WatchResult, course: Course) -> Seen | None:
    """Two lines that both step it between the same two updates, again and again."""
    together: Counter[tuple[Location, ...]] = Counter()
    for cycle in result.cycles:
        places = tuple(dict.fromkeys(e.place for e in cycle.of("schedule") if e.who == course.scheduler.name and not e.facts["early"]))
        if len(places) > 1:
            together[places] += cycle.times
    if not together or max(together.values()) < 2:
        return None
    places, times = together.most_common(1)[0]
    return Seen(
        f"two lines step `{course.scheduler.name}` for the same update ({times} times in {course.updates} updates), this one and "
        f"{places[0]}: the schedule runs faster than its settings say",
        places[1], {"times": times, "scheduler_steps": course.scheduler.steps, "updates": course.updates},
        advice="leave out one of the two calls",
    )  # fmt: skip


def _epochs_in_batches(result: WatchResult, course: Course) -> Seen | None:
    """A cosine over so many epochs that is stepped in every batch, goes down, and up again."""
    most, loader = course.setting("T_max"), course.loader
    if course.scheduler.kind != "CosineAnnealingLR" or not most or loader is None or not course.each_batch:
        return None
    length = loader.length or 0
    counts_epochs = most == loader.epochs and length > 1 and most % length
    if course.scheduler.steps < 2 * most or not (counts_epochs or 4 * most <= length):
        return None
    return Seen(
        f"T_max={most:g} was passed after {most:g} of {course.updates} steps, because `{course.scheduler.name}` is stepped in every "
        f"batch ({course.scheduler.steps} times in {loader.epochs} epochs of {length} batches): the rate goes down and up again "
        f"{course.scheduler.steps / (2 * most):.0f} times",
        evidence={"T_max": most, "scheduler_steps": course.scheduler.steps, "updates": course.updates, "epochs": loader.epochs},
        advice=f"step it once an epoch, or count batches: T_max=epochs * len({loader.name})",
    )


def _batches_in_epochs(result: WatchResult, course: Course) -> Seen | None:
    """A schedule over all batches that is stepped once an epoch and hardly begins."""
    if not course.each_epoch or course.loader is None:
        return None
    name = STEP_COUNTS.get(course.scheduler.kind, "")
    total, steps = course.setting(name) or 0.0, course.scheduler.steps
    batches = (course.loader.length or 0) * course.loader.epochs
    advice = "call scheduler.step() in every batch, right after optimizer.step()"
    if total >= 3 * steps and any(abs(total - all_of_them) <= 0.02 * all_of_them + 1 for all_of_them in (batches, course.updates)):
        return Seen(
            f"{name}={total:g} counts the {course.updates} updates of the whole run, but `{course.scheduler.name}` was stepped once an "
            f"epoch, {steps} times: the schedule got {steps / total:.0%} of the way",
            evidence={name: total, "scheduler_steps": steps, "updates": course.updates}, advice=advice,
        )  # fmt: skip
    base, reached = course.setting("base_lr") or 0.0, max((max(t.high or t.values) for t in course.rates if len(t)), default=0.0)
    rising = all(t.values[-1] > t.values[0] for t in course.rates if len(t))
    if steps >= 3 and base and 0 < reached <= WARMING * base and rising:
        return Seen(
            f"the warm-up reached {reached:.2g} of {base:.2g} in {course.updates} updates, because `{course.scheduler.name}` is stepped "
            f"once an epoch ({steps} times)",
            evidence={"reached": reached, "base_lr": base, "scheduler_steps": steps, "updates": course.updates}, advice=advice,
        )  # fmt: skip
    return None


def _never(result: WatchResult, course: Course) -> Seen | None:
    """A scheduler that nobody steps, in code that does not even mention it."""
    loader, updates = course.loader, course.updates
    if course.scheduler.steps or not course.rates or any(max(t.high or t.values) != min(t.low or t.values) for t in course.rates if len(t)):
        return None
    if loader is not None and loader.length:
        enough = loader.epochs >= 3 or (loader.epochs == 2 and updates >= 2 * loader.length)
    else:
        enough = updates >= 100
    others = [s for s in result.schedulers if s.optimizer == course.optimizer.name and s.steps]
    name = course.scheduler.name.rpartition(".")[2]
    known = scopes(result.sources)
    calls = [n for s in known for n in s.nodes() if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "step"]
    if not enough or others or any(dotted(call.func.value).rpartition(".")[2] == name for call in calls):  # type: ignore[attr-defined]
        return None
    made = [s.place(n) for s in known for n in s.nodes() if _makes(n, course.scheduler)]
    step = [event.place for _, event in result.events("step") if event.who == course.optimizer.name]
    epochs = f"{loader.epochs} epochs" if loader is not None else f"{updates} steps"
    return Seen(
        f"`{course.scheduler.name}` ({course.scheduler.kind}) was not stepped once in {epochs} ({updates} updates), and no step() of it was "
        f"found in the loop: the learning rate stays at {course.rates[0].values[-1]:.3g}",
        next(iter(made + step), Location()), {"scheduler_steps": 0, "updates": updates},
        advice=f"call {course.scheduler.name}.step()",
    )  # fmt: skip


def _rises_again(result: WatchResult, course: Course) -> Seen | None:
    most = course.setting("T_max")
    if course.scheduler.kind != "CosineAnnealingLR" or not most or course.each_batch or course.scheduler.steps < 1.25 * most:
        return None
    return Seen(
        f"`{course.scheduler.name}` passed T_max={most:g} and was stepped {course.scheduler.steps} times: the rate rises again",
        evidence={"T_max": most, "scheduler_steps": course.scheduler.steps}, severity=INFO,
        advice="T_max is the number of steps down; CosineAnnealingWarmRestarts is for cycles",
    )  # fmt: skip


def _makes(node: ast.AST, scheduler: Scheduler) -> bool:
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(node.value, ast.Call):
        return False
    named = any(dotted(target).rpartition(".")[2] == scheduler.name.rpartition(".")[2] for target in targets(node))
    return named and last_name(node.value.func) == scheduler.kind
