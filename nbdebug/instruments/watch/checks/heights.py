"""Rates that a schedule brings to nothing, or never up to where they should be."""

from __future__ import annotations

from nbdebug.findings import Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.courses import Course
from nbdebug.instruments.watch.reading.learning import only_loss
from nbdebug.instruments.watch.result import Track, WatchResult

NOTHING = 1e-4  # of its peak: a rate below it learns nothing to speak of; our choice: step schedules of published recipes
# end at a thousandth (ResNet, 3 drops by 10), and cosine ones come below it only in the last hundredth of the run
LITTLE = 2e-3  # the same where the loss then stands at four fifths or more of what a constant prediction gets
POOR = 0.8
MOST = 0.5  # of the run was still to come when the rate was gone
HUNDREDTH = 0.011  # of its peak, of a schedule stepped in every batch that comes down in the first epochs of many; our choice
NEARLY_ALL = 0.85  # of the run was still to come then; our choice: an exponential decay passes a hundredth of its peak later
LEARNT = 0.1  # of what a constant prediction gets: below it the rate is no trouble
SLIGHT = 0.1  # of the base rate is all that a warm-up stepped in every batch reached in at least 3 epochs; our choice
FACTOR = 0.02  # is all that a LambdaLR ever made of a usual base rate, on its way down again; our choice: schedules peak at 1
USUAL = 0.1  # a base rate up to which it is meant as a rate, and is not the 1.0 of lambdas that give rates themselves
FEW = 4  # values of a rate, from which on its course is known; our choice


def gone(result: WatchResult, course: Course) -> Seen | None:
    """A rate that decayed to nothing long before the end."""
    tracks = [t for t in course.rates if len(t)]
    if not course.scheduler.steps or not tracks:
        return None
    loss = only_loss(result)
    over = loss.over_constant(1 / 3) if loss is not None and len(loss.values) >= FEW else None
    small = LITTLE if over is not None and over >= POOR else NOTHING
    fallen = _fallen(tracks, small, MOST)
    if fallen is None and course.each_batch and (over is None or over >= LEARNT):
        small, fallen = HUNDREDTH, _fallen(tracks, HUNDREDTH, NEARLY_ALL)
    if fallen is None:
        return None
    at, peak, end = fallen
    last = tracks[0].steps[-1]
    pace = "in every batch" if course.each_batch else f"{course.scheduler.steps} times"
    counted = [f"{name}={course.scheduler.settings[name]}" for name in ("step_size", "milestones", "gamma", "factor", "patience") if name in course.scheduler.settings]
    return Seen(
        f"the learning rate fell from {peak:.2g} below {small:g} of it at step {at} and was {end:.1g} at the end, with {last - at} of "
        f"{course.updates} steps still to come: `{course.scheduler.name}` ({', '.join(counted) or course.scheduler.kind}) is stepped {pace}",
        evidence={"peak": peak, "end": end, "gone_at": at, "updates": course.updates, "scheduler_steps": course.scheduler.steps},
        advice="step it once an epoch, or let its settings count batches" if course.each_batch else "decay less, or later",
    )


def still_warming(result: WatchResult, course: Course) -> Seen | None:
    """A warm-up in batches that is longer than the whole run."""
    base, tracks = course.setting("base_lr") or 0.0, [t for t in course.rates if len(t)]
    if not course.each_batch or not base or not tracks or course.loader is None or course.loader.epochs < 3:
        return None
    reached = max(max(t.high or t.values) for t in tracks)
    rising = all(all(a <= b for a, b in zip(t.values, t.values[1:], strict=False)) and t.values[-1] > t.values[0] for t in tracks)
    if not rising or not 0 < reached <= SLIGHT * base or course.scheduler.kind == "OneCycleLR":
        return None
    return Seen(
        f"after {course.loader.epochs} epochs ({course.updates} updates) the learning rate still rises, and is at {reached:.2g} of {base:.2g}: "
        f"the warm-up of `{course.scheduler.name}` is longer than the training",
        result.built_at(course.scheduler.name, "num_warmup_steps", "total_iters", "lr_lambda") or Location(),
        {"reached": reached, "base_lr": base, "scheduler_steps": course.scheduler.steps, "updates": course.updates},
        advice="end the warm-up after some per cent of all steps",
    )  # fmt: skip


def rate_as_factor(result: WatchResult, course: Course) -> Seen | None:
    """A function for LambdaLR that gives the rate itself, and not what the base rate is to be multiplied by."""
    base, tracks = course.setting("base_lr") or 0.0, [t for t in course.rates if len(t) >= FEW]
    if course.scheduler.kind != "LambdaLR" or not 0 < base <= USUAL or not tracks or course.scheduler.steps < FEW:
        return None
    peak = max(max(t.high or t.values) for t in tracks)
    came_down = all(t.values[-1] <= 0.9 * max(t.values) for t in tracks)
    if not came_down or not 0 < peak <= FACTOR * base:
        return None
    return Seen(
        f"LambdaLR multiplies the base rate {base:.2g} by what its function gives, and that was never more than {peak / base:.2g}: the learning "
        f"rate peaked at {peak:.2g}. The function seems to give a rate, where a factor is asked for",
        result.built_at(course.scheduler.name, "lr_lambda") or Location(), {"base_lr": base, "peak": peak, "scheduler_steps": course.scheduler.steps},
        advice="let the function peak at 1, or build the optimizer with lr=1.0",
    )  # fmt: skip


def _fallen(tracks: list[Track], small: float, share: float) -> tuple[int, float, float] | None:
    """When the last of the rates fell below so much of its peak, with that share of the run and more still to come; the peak, and the end."""
    falls = [_fall(t, small) for t in tracks]
    if any(fall is None for fall in falls):
        return None
    found = max(fall for fall in falls if fall is not None)
    first, last = tracks[0].steps[0], tracks[0].steps[-1]
    return found if last - found[0] >= max(10, share * (last - first + 1)) else None


def _fall(track: Track, small: float) -> tuple[int, float, float] | None:
    """From which step on a rate stays below so much of its peak, the peak, and the end."""
    values = track.high or track.values
    peak = max(values)
    if not peak or values[-1] > small * peak:
        return None
    last = max(i for i, value in enumerate(values) if value > small * peak)
    return track.steps[last + 1], peak, track.values[-1]
