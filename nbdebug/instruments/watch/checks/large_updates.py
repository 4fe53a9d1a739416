"""Updates that are too large, judged by the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug import curve_shapes
from nbdebug.curve_shapes import middle
from nbdebug.findings import ERROR, WARNING, Severity
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.checks.stability import undone
from nbdebug.instruments.watch.reading.learning import Loss, beside, losses
from nbdebug.instruments.watch.reading.motion import (
    Motion,
    highest_rate,
    is_range_test,
    moving,
    place_of_rate,
    times,
)
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched

LARGE = 0.2  # update over weight; our choice: sound nets on digits stay below it from the second step on, with Adam at 0.01
WILD = 10.0  # update over weight after which a loss that is not finite needs no further reason; our choice
CATAPULTED = 8.0  # times the very first loss, that updates of half of the weights and more threw it to; our choice: early jumps of sound nets are below 3
NEVER_BACK = 3.0  # the same of a loss that came down only to what a constant prediction gets
THROWN = 3  # values at twice the first loss and more; one alone is a hard batch
NO_LOWER, WENT_UP = 0.95, 1.2  # of the first loss: above the one a loss that rose to the other meanwhile, and is still that of a constant prediction, did not fall; our choice
OVERTHROWN = 0.5  # update over weight, twice and more, after which a loss that learnt nothing needs no further reason; our choice
SWOLLEN = 2.5  # times their first norm, to which weights grew that learnt nothing by it: half of LARGE is enough then; our choice
HIGHER = 1.5  # times the first loss; our choice. Losses that play against each other have to rise FAR times
FAR = 100.0
STEPS = 20  # from which on a loss that did not fall says something about the updates; our choice


@watched.check(
    "ND604", "learning rate too high", severity=WARNING,
    advice="divide the learning rate by 10, or warm it up; clip_grad_norm_ holds back single wild steps",
)  # fmt: skip
def rate_too_high(result: WatchResult) -> Iterator[Seen]:
    """Updates so large that they carry the weights past every valley.

    Wrong: each step overshoots; the loss rises, bounces, or leaves the range of numbers.
    Seen: the loss ends 1.5 times above where it began (100 times where several losses play against each other), or is not
        finite after it had risen, or never fell after it had jumped; and updates were more than a fifth of the weights
        they moved. Or it learnt nothing at all, while updates were more than half of most of the weights, or a fifth of weights that more than doubled (a tenth of those that grew to 2.5 times their norm).
        Or updates of half of the weights threw it to 8 times its first value, or to 3 times and it never was better than a constant prediction afterwards. Large updates under a loss that falls are not accused, nor losses that rise under small ones.
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
        asked = most and risen is None and undone(result, loss) is None  # what a schedule undoes again and again had been learnt
        overthrown = _overthrown(loss, guilty) if asked else None  # it asks for the size of the updates itself
        risen = risen or overthrown or _catapulted(loss, guilty)
        if risen is None or not (overthrown or _reach(guilty) >= LARGE):
            continue
        said, severity = risen
        yield Seen(
            f"{said}; updates of {guilty.label} were up to {times(max(guilty.ratios))} their weights, the learning rate was "
            f"{highest_rate(result, guilty):.3g} (steps 0 to {result.steps - 1})",
            place_of_rate(result, guilty),
            {"update_over_weight": max(guilty.ratios), "learning_rate": highest_rate(result, guilty), "steps": result.steps},
            severity=severity,
        )


def _risen(loss: Loss) -> tuple[str, Severity | None] | None:
    """How the loss went up, in words, with the severity; None when it did not."""
    values, name = loss.values, loss.track.name
    if not values or (values[0] <= 0 and loss.alone):
        return None
    begin, finish, top = curve_shapes.begin(values), curve_shapes.end(values, 1 / 3), max(values)
    needed, since = HIGHER if loss.alone else FAR, loss.nonfinite_since()
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
    grown = motion.weights[-1] / motion.weights[0] if loss.constant is not None and motion.weights[0] > 0 else 1.0
    needed = LARGE / 2 if grown > SWOLLEN else LARGE if grown > 2 else OVERTHROWN
    went_up = loss.constant is not None and max(curve_shapes.smooth(values)) >= WENT_UP * begin
    if _second_largest(motion.ratios) < needed or finish < (NO_LOWER * begin if went_up else begin):
        return None
    return f"{loss.track.name} began with {begin:.3g} and ends at {finish:.3g}, without having learnt anything{beside(loss)}", None


def _catapulted(loss: Loss, motion: Motion) -> tuple[str, Severity | None] | None:
    """Of a loss that the first updates, as large as the weights, threw far away, even if it came down again."""
    values = loss.values
    if not loss.alone or len(values) < STEPS or not values[0] > 0 or min(values) < 0:
        return None
    early = values[: len(values) // 2]
    away = [value for value in early if value >= 2 * values[0]]
    far = NEVER_BACK if loss.at_constant(1 / 3) else CATAPULTED
    if max(early) < far * values[0] or len(away) < THROWN or max(motion.ratios[:STEPS]) < OVERTHROWN:
        return None
    after = f" and ends at {curve_shapes.end(values, 1 / 3):.3g}{beside(loss)}" if far < CATAPULTED else ""
    return f"{loss.track.name} was thrown from {values[0]:.3g} up to {max(early):.3g}{after}", None


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
