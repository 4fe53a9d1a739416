"""Updates that are too small, judged by the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug import curve_shapes
from nbdebug.curve_shapes import middle
from nbdebug.findings import WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.clipping import held_back
from nbdebug.instruments.watch.reading.learning import Loss, demand_loss, has_fallen
from nbdebug.instruments.watch.reading.motion import Motion, moving, place_of_rate, rates, usual_place
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched

HINDERED = 1e-5  # update over weight that is too small where eps, clipping or a warm-up is seen to be the reason; our choice
SMALL = 3e-6  # update over weight; our choice: fine-tuning at 2e-5 is at 3e-5 and more, and 3000 steps at 3e-6 make one per cent
FOLLOWED = 1e-4  # gradient over weight, from which on there is something to follow; our choice: a small GPT begins at 5e-3
MOVED = 0.01  # of their size, by which weights may have moved in all and still not have moved; our choice
STEPS = 20  # from which on a loss that did not fall says something about the updates; our choice
MANY = 60  # steps after which a loss at a constant prediction is told from a beginning; our choice
CREPT = 0.03  # of their size, by which weights may have moved in all when the loss still is that of a constant prediction; our choice
BY_CHANCE = 0.9  # of what a constant prediction gets, above which a loss that did not fall may begin: what a net says before it has learnt anything fits some targets by chance; our choice
UNHURRIED = 1e-4  # update over weight at which that happens; our choice, a tenth of the usual thousandth
HEAD = 3.0  # times that, of the fastest of several groups, where all together are at half of it; our choice
CLEAR = 1e-3  # gradient over weight that such a loss could have followed; our choice: nets that begin are at 5e-3 and more
PART = 0.3  # of all weights, that a group has which may hold the others up; our choice
LONG_ENOUGH = 60  # steps after which an eps is asked about; our choice
DROWNED = 10.0  # times the gradient, from which on eps decides about the update
LONG_WARM_UP = 200  # steps from which on a rate that only ever rose is said to rise too slowly; our choice


@watched.check(
    "ND605", "updates too small", severity=WARNING,
    advice="raise the learning rate until updates are about a thousandth of the weights",
)  # fmt: skip
def updates_too_small(result: WatchResult) -> Iterator[Seen]:
    """Weights that hardly move, and a loss that stays where it is.

    Wrong: a learning rate, an eps, a clipping limit or a warm-up leaves next to nothing of each step.
    Seen: over at least 20 steps every group's update is below 3e-6 of its weights (1e-5 but for the rate), they moved by less than a per cent in
        all, the loss did not fall, and one of these four is the reason. Or over 60 steps and more it is below 1e-4, they moved by less than
        3 % in all, and the loss is still no better than a constant prediction, or less than a tenth, and has not fallen to there. Or Adam's eps is 10 times the gradient and more, and the loss stays above half of that. Weights that have no gradient to follow, because
        all is learnt or because it fades, are not accused; nor are single slow groups, unless the loss stands high and an experiment
        shows that the model could do far better with all parameters at one rate, or the beginning of a warm-up.
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
    yield from _held_by_a_group(result)
    for optimizer in result.optimizers:
        groups = [m for m in moving(result) if m.optimizer is optimizer]
        if optimizer.steps < STEPS or not groups:
            continue
        still = _still(groups, optimizer.steps) and not (has_fallen(loss) and any(update > 0 for m in groups for update in m.updates))
        crept = _crept(loss, groups, optimizer.steps)
        if not still and not crept and not _drowned(loss, groups, optimizer.steps):
            continue
        guilty = max(groups, key=lambda m: m.ratio)
        reason = _why_small(result, guilty, max(UNHURRIED, guilty.ratio) if crept else SMALL)
        if reason is None:
            continue
        why, place, advice = reason
        pace = f"at this pace one per cent takes {MOVED / guilty.ratio:,.0f} steps" if guilty.ratio > 0 else "they do not move at all"
        yield Seen(
            f"updates of {guilty.label} are {guilty.ratio:.1e} of the weights ({pace}) and {loss.track.name} stays at "
            f"{curve_shapes.end(loss.values):.3g} over steps 0 to {result.steps - 1}: {why}",
            place, {"update_over_weight": guilty.ratio, "learning_rate": guilty.group.lr, "steps": result.steps}, advice=advice,
        )  # fmt: skip


def _held_by_a_group(result: WatchResult) -> Iterator[Seen]:
    """A loss that stands high, a model that could do better with all its parameters free, and a group that hardly moves beside another that does."""
    if result.rival is None or not result.rival.tells or not result.rival.is_stuck:
        return
    for optimizer in result.optimizers:
        groups = [m for m in moving(result) if m.optimizer is optimizer]
        slow = [m for m in groups if m.ratio * optimizer.steps <= CREPT and m.gradient >= CLEAR * _of_weights(m) and m.elements >= PART * sum(g.elements for g in groups)]
        if len(slow) == len(groups) or not slow:
            continue
        guilty = max(slow, key=lambda m: m.elements)
        yield Seen(
            f"{guilty.label}, {guilty.elements:,} weights, moves by {guilty.ratio:.1e} of itself in a step at a learning rate of {guilty.group.lr:.1e}, and the loss stands: some hundred steps with all "
            f"parameters at one rate bring the error from {result.rival.network:.0%} of what a constant prediction has to {result.rival.again:.0%}",
            guilty.set_at(result, "lr"), {"update_over_weight": guilty.ratio, "learning_rate": guilty.group.lr, "steps": result.steps},
            advice="a rate for this group that is a tenth or a hundredth of the others', not less; freeze it where it is to stay as it is",
        )  # fmt: skip


def _still(groups: list[Motion], steps: int) -> bool:
    return all(m.ratio <= HINDERED and m.ratio * steps <= MOVED for m in groups)


def _crept(loss: Loss, groups: list[Motion], steps: int) -> bool:
    """Whether weights that had a gradient to follow hardly moved in a long time, and the loss is still that of a constant prediction."""
    known = loss.constant is not None
    if steps < MANY or not _knows_nothing(loss):
        return False
    pace, way, gradient = (UNHURRIED, CREPT, CLEAR) if known else (HINDERED, MOVED, 10 * CLEAR)
    slow = all(m.ratio <= pace and m.ratio * steps <= way for m in groups) or known and _whole(groups) * steps <= way and _are_all_slow(groups)
    return slow and any(m.gradient >= gradient * _of_weights(m) for m in groups)


def _knows_nothing(loss: Loss) -> bool:
    """Whether the loss is that of a constant prediction, or next to it and where it began; where that cannot be told, whether it did not fall."""
    if loss.at_constant(1 / 3):
        return True
    over = loss.over_constant(1 / 3)
    return not has_fallen(loss) and (over is None or over >= BY_CHANCE)


def _are_all_slow(groups: list[Motion]) -> bool:
    """Whether the model as a whole creeps, and a head that is faster than the rest is not fast either."""
    return _whole(groups) <= UNHURRIED / 2 and all(m.ratio <= HEAD * UNHURRIED for m in groups)


def _whole(groups: list[Motion]) -> float:
    """Update over weight of all groups together."""
    weights = math.sqrt(sum(middle(list(m.weights)) ** 2 for m in groups))
    return math.sqrt(sum((m.ratio * middle(list(m.weights))) ** 2 for m in groups)) / max(1e-12, weights)


def _drowned(loss: Loss, groups: list[Motion], steps: int) -> bool:
    """Whether an eps far above the gradients made all updates of an adaptive optimizer small, and the loss shows it."""
    over = loss.over_constant(1 / 3)
    if steps < LONG_ENOUGH or over is None or over < 0.5 or any(_eps_over_gradient(m) < DROWNED for m in groups):
        return False
    return all(m.ratio * steps <= 0.1 for m in groups) and any(m.gradient >= CLEAR * _of_weights(m) for m in groups)


def _eps_over_gradient(motion: Motion) -> float:
    known = motion.optimizer.adaptive and motion.group.eps is not None and motion.gradient > 0
    return motion.group.eps / motion.gradient if known else 0.0  # type: ignore[operator]


def _of_weights(motion: Motion) -> float:
    """Root mean square of one weight."""
    return middle(list(motion.weights)) / math.sqrt(motion.elements)


def _why_small(result: WatchResult, motion: Motion, small: float) -> tuple[str, Location, str | None] | None:
    """The reason in words, its place, and what to try; None when the gradient itself is small."""
    group, gradient = motion.group, motion.gradient
    weight = _of_weights(motion)
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
        return f"the learning rate still rises, and is at {known[-1]:.1e}", place_of_rate(result, motion), "end the warm-up after some per cent of all steps"
    if max(known) == 0:
        waits = scheduled and sum(s.steps for s in result.schedulers if s.optimizer == motion.optimizer.name) < 2
        return None if waits else ("the learning rate is 0", motion.set_at(result, "lr"), None)
    if gradient < FOLLOWED * weight:
        return None
    if _eps_over_gradient(motion) >= DROWNED:
        said = f"eps is {group.eps:g} where the gradient's elements are about {gradient:.1e}, so that the update is divided by eps"
        return said, motion.set_at(result, "eps"), "leave eps at 1e-8"
    return (f"the learning rate is {max(known):.1e}", motion.set_at(result, "lr"), None) if motion.ratio <= small else None
