"""Checks of the updates: too large, too small. Both are judged by the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug import curve_shapes
from nbdebug.curve_shapes import middle
from nbdebug.findings import ERROR, WARNING, Location, Severity
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.clipping import held_back
from nbdebug.instruments.watch.reading.learning import Loss, beside, demand_loss, has_fallen, losses
from nbdebug.instruments.watch.reading.motion import (
    Motion,
    is_range_test,
    moving,
    rates,
    set_at,
    times,
    usual_place,
)
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched

LARGE = 0.2  # update over weight; our choice: sound nets on digits stay below it from the second step on, with Adam at 0.01
WILD = 10.0  # update over weight after which a loss that is not finite needs no further reason; our choice
OVERTHROWN = 0.5  # update over weight, twice and more, after which a loss that learnt nothing needs no further reason; our choice
RISEN = 1.5  # times the first loss; our choice. Losses that play against each other have to rise FAR times
FAR = 100.0
HINDERED = 1e-5  # update over weight that is too small where eps, clipping or a warm-up is seen to be the reason; our choice
SMALL = 3e-6  # update over weight; our choice: fine-tuning at 2e-5 is at 3e-5 and more, and 3000 steps at 3e-6 make one per cent
FOLLOWED = 1e-4  # gradient over weight, from which on there is something to follow; our choice: a small GPT begins at 5e-3
MOVED = 0.01  # of their size, by which weights may have moved in all and still not have moved; our choice
STEPS = 20  # from which on a loss that did not fall says something about the updates; our choice
LONG_WARM_UP = 200  # steps from which on a rate that only ever rose is said to rise too slowly; our choice


@watched.check(
    "ND604", "learning rate too high", severity=WARNING,
    advice="divide the learning rate by 10, or warm it up; clip_grad_norm_ holds back single wild steps",
)  # fmt: skip
def rate_too_high(result: WatchResult) -> Iterator[Seen]:
    """Updates so large that they carry the weights past every valley.

    Wrong: each step overshoots; the loss rises, bounces, or leaves the range of numbers.
    Seen: the loss ends 1.5 times above where it began (100 times where several losses play against each other), or is not
        finite after it had risen, or never fell after it had jumped; and updates were more than a fifth of the weights
        they moved. Or it learnt nothing at all, while updates were more than half of most of the weights. Large updates under a loss that falls are not accused, nor losses that rise under small ones.
    Where: the parameter group with the largest updates, and the line that sets its rate; else that of its optimizer's step.
    Try: a learning rate 10 times smaller; a warm-up; for recurrent nets gradient clipping.
    Bad:
        optimizer = torch.optim.SGD(model.parameters(), lr=20.0)
        for epoch in range(3):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Good:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Source: Goodfellow, Bengio, Courville, Deep Learning, 11.4.1; thresholds are our choice, measured on digits.
    """
    fast = [m for m in moving(result) if not is_range_test(result, m)]
    for loss in losses(result):
        risen = _risen(loss)
        guilty = max((m for m in fast if m.optimizer.name in loss.optimizers), key=_reach, default=None)
        if guilty is None:
            continue
        since = loss.nonfinite_since()
        wild = since is not None and max(guilty.ratios, default=0.0) >= WILD
        if risen is None and wild and not (loss.alone and _had_learnt(loss.values)):
            risen = f"{loss.track.name} is not finite from step {since} on", ERROR
        most = guilty.elements >= 0.5 * sum(m.elements for m in fast)  # not a group of biases, which begin at zero
        risen = risen or (_overthrown(loss, guilty) if most else None)
        if risen is None or not _reach(guilty) >= LARGE:
            continue
        said, severity = risen
        yield Seen(
            f"{said}; updates of {guilty.label} were up to {times(max(guilty.ratios))} their weights, the learning rate was "
            f"{_highest_rate(result, guilty):.3g} (steps 0 to {result.steps - 1})",
            _place_of_rate(result, guilty),
            {"update_over_weight": max(guilty.ratios), "learning_rate": _highest_rate(result, guilty), "steps": result.steps},
            severity=severity,
        )


@watched.check(
    "ND605", "updates too small", severity=WARNING,
    advice="raise the learning rate until updates are about a thousandth of the weights",
)  # fmt: skip
def updates_too_small(result: WatchResult) -> Iterator[Seen]:
    """Weights that hardly move, and a loss that stays where it is.

    Wrong: a learning rate, an eps, a clipping limit or a warm-up leaves next to nothing of each step.
    Seen: over at least 20 steps every group's update is below 3e-6 of its weights (1e-5 but for the rate), they moved by less than a per cent in
        all, the loss did not fall, and one of these four is the reason. Weights that have no gradient to follow, because
        all is learnt or because it fades, are not accused; nor are single slow groups, or the beginning of a warm-up.
    Where: the parameter group and the line that sets its rate or eps, else that of its optimizer's step; for clipping, its line.
    Try: what is named; updates of a thousandth of the weights are usual.
    Bad:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-9)
        for epoch in range(5):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Good:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for epoch in range(5):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Source: Karpathy, CS231n notes, Learning: ratio of weights to updates; thresholds are our choice.
    """
    loss = demand_loss(result, STEPS)
    for optimizer in result.optimizers:
        groups = [m for m in moving(result) if m.optimizer is optimizer]
        if optimizer.steps < STEPS or not groups or not _still(groups, optimizer.steps):
            continue
        if has_fallen(loss) and any(update > 0 for m in groups for update in m.updates):
            continue
        guilty = max(groups, key=lambda m: m.ratio)
        reason = _why_small(result, guilty)
        if reason is None:
            continue
        why, place, advice = reason
        pace = f"at this pace one per cent takes {MOVED / guilty.ratio:,.0f} steps" if guilty.ratio > 0 else "they do not move at all"
        yield Seen(
            f"updates of {guilty.label} are {guilty.ratio:.1e} of the weights ({pace}) and {loss.track.name} stays at "
            f"{curve_shapes.end(loss.values):.3g} over steps 0 to {result.steps - 1}: {why}",
            place, {"update_over_weight": guilty.ratio, "learning_rate": guilty.group.lr, "steps": result.steps}, advice=advice,
        )  # fmt: skip


def _risen(loss: Loss) -> tuple[str, Severity | None] | None:
    """How the loss went up, in words, with the severity; None when it did not."""
    values, name = loss.values, loss.track.name
    if not values or (values[0] <= 0 and loss.alone):
        return None
    begin, finish, top = curve_shapes.begin(values), curve_shapes.end(values, 1 / 3), max(values)
    needed, since = RISEN if loss.alone else FAR, loss.nonfinite_since()
    if loss.alone and _had_learnt(values):
        return None
    if since is not None and max(values[-3:]) >= max(needed, 10.0) * begin:
        return f"{name} rose from {begin:.3g} to {top:.3g} and is not finite from step {since} on", ERROR
    if len(values) < 5 or min(values) < 0:
        return None
    tolerance = curve_shapes.SURE * curve_shapes.error(values, max(1, len(values) // 3))
    if finish - begin > max((needed - 1) * begin, tolerance if loss.alone else 0.0):
        return f"{name} ends at {finish:.3g}, {times(finish / begin)} the {begin:.3g} it began with", None
    jumped = loss.alone and max(curve_shapes.smooth(values)) > 2 * begin and finish > 0.95 * begin and (loss.constant is None or loss.at_constant(1 / 3))
    if jumped and len(values) >= STEPS:
        return f"{name} jumped from {begin:.3g} to {top:.3g} and never fell below where it began: it ends at {finish:.3g}", None
    return None


def _overthrown(loss: Loss, motion: Motion) -> tuple[str, Severity | None] | None:
    """Of a loss that learnt nothing while half of the weights and more was replaced in single steps, again and again."""
    values = loss.values
    if not loss.alone or len(values) < STEPS or min(values) < 0 or not loss.learnt_nothing():
        return None
    begin, finish = curve_shapes.begin(values), curve_shapes.end(values, 1 / 3)
    if _second_largest(motion.ratios) < OVERTHROWN or finish < begin:
        return None
    return f"{loss.track.name} began with {begin:.3g} and ends at {finish:.3g}, without having learnt anything{beside(loss)}", None


def _had_learnt(values: list[float]) -> bool:
    """Whether it had fallen to half for most of its time: what then throws it out is an accident, not the rate."""
    return middle(values[len(values) // 10 :]) < 0.5 * curve_shapes.begin(values)


def _second_largest(ratios: list[float]) -> float:
    return sorted((r for r in ratios if math.isfinite(r)), reverse=True)[1] if len(ratios) > 1 else 0.0


def _reach(motion: Motion) -> float:
    """The largest but one of the updates over their weights; or a usual one over the weights as they were first."""
    first = min((w for w in motion.weights[:2] if w > 0), default=math.inf)
    usual = middle([u for u in motion.updates if math.isfinite(u)][: 2 * STEPS])
    return max(usual / first if math.isfinite(usual) else 0.0, _second_largest(motion.ratios))


def _place_of_rate(result: WatchResult, motion: Motion) -> Location:
    """Where the scheduler that raised the rate is built, else the line that sets it."""
    track = rates(result, motion)
    known = track.finite() if track is not None else []
    raised = [s.name for s in result.schedulers if s.optimizer == motion.optimizer.name and known and max(known) > RISEN * known[0]]
    return next((set_at(result, name, motion.place) for name in raised if result.built_at(name)), motion.set_at(result, "lr"))


def _highest_rate(result: WatchResult, motion: Motion) -> float:
    track = rates(result, motion)
    return max([*(track.finite() if track is not None else ()), motion.group.lr])


def _still(groups: list[Motion], steps: int) -> bool:
    return all(m.ratio <= HINDERED and m.ratio * steps <= MOVED for m in groups)


def _why_small(result: WatchResult, motion: Motion) -> tuple[str, Location, str | None] | None:
    """The reason in words, its place, and what to try; None when the gradient itself is small."""
    group, gradient = motion.group, motion.gradient
    weight = middle(list(motion.weights)) / math.sqrt(motion.elements)
    clip = next((e for _, e in result.events("clip") if e.who == motion.optimizer.name), None)
    held = held_back(result, motion, clip) if clip is not None else None
    if held is not None:
        return held[0], usual_place(result, "clip", motion.optimizer.name), "clip at the norms that the gradients have"
    track = rates(result, motion)
    known = track.finite() if track is not None and len(track) else [group.lr]
    if known[-1] < 0.5 * max(known):  # a schedule that came down: what it does is the schedule's to answer for
        return None
    scheduled = any(s.optimizer == motion.optimizer.name for s in result.schedulers)
    if scheduled and known[-1] > 1.5 * min(known):
        if len(known) < LONG_WARM_UP:
            return None
        return f"the learning rate still rises, and is at {known[-1]:.1e}", _place_of_rate(result, motion), "end the warm-up after some per cent of all steps"
    if max(known) == 0:
        waits = scheduled and sum(s.steps for s in result.schedulers if s.optimizer == motion.optimizer.name) < 2
        return None if waits else ("the learning rate is 0", motion.set_at(result, "lr"), None)
    if gradient < FOLLOWED * weight:
        return None
    if motion.optimizer.adaptive and group.eps is not None and group.eps >= 10 * gradient > 0:
        said = f"eps is {group.eps:g} where the gradient's elements are about {gradient:.1e}, so that the update is divided by eps"
        return said, motion.set_at(result, "eps"), "leave eps at 1e-8"
    return (f"the learning rate is {max(known):.1e}", motion.set_at(result, "lr"), None) if motion.ratio <= SMALL else None
