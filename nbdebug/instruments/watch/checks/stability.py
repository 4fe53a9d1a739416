"""Check of the loss curve: spikes, and numbers that are none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from nbdebug import curve_shapes
from nbdebug.curve_shapes import Excursion, middle
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.courses import training_loader
from nbdebug.instruments.watch.reading.learning import FEWEST, Loss, losses, only_loss
from nbdebug.instruments.watch.reading.motion import is_range_test, motions, moving, set_at, usual_place
from nbdebug.instruments.watch.result import TensorTrack, Track, WatchResult
from nbdebug.instruments.watch.session import watched

WIDE = 0.1  # update over weight that throws a model about; our choice: tasks and restarts that change the loss stay below
RAISED = 1.5  # times its lowest, up to which a rate was brought; our choice
ONCE = 0.75  # of what a constant prediction gets, below which a loss has learnt that ends where such a prediction stands
BLOWN = 2.0  # times the same, to which a loss goes up that once is enough of, where it does not come back; our choice
LEARNT, UNDONE, TWICE = 0.6, 0.9, 2  # of what a constant prediction gets, below which a loss has learnt and above which it has lost it again, more often than by accident; our choice
OUTRAGEOUS = 3.0  # times what came after it, that a batch's loss was which did the damage; our choice
EDGE = 4  # steps from the beginning or the end of an epoch, where a curriculum or a callback may have changed something; our choice
STEPS = 100  # below which a loss has no spikes to speak of; our choice
RESTLESS = 0.025  # update over weight to the very end of a run; our choice: late updates of sound programs are below 0.02
BOUNCES = 2.0  # times the best level before, to which the loss comes back; our choice
UNLEARNT = 0.2  # of what a constant prediction gets, below which a loss that wavers has learnt all the same; our choice
HARD = 0.6  # Kendall's tau of a loss and of a constant prediction's on the same targets, from which on it goes up and down with them; our choice: four pairs of five
NEW_DATA = "where the data or the task was changed there on purpose, this is meant; else look at the batches and gradient norms of these steps"
ORDER = ("activation", "activation gradient", "gradient", "update", "weight")  # within a training step


@watched.check(
    "ND706", "unstable", severity=WARNING,
    advice="look at the batches and gradient norms of these steps; clip_grad_norm_, a smaller learning rate, a warm-up",
)  # fmt: skip
def unstable(result: WatchResult) -> Iterator[Seen]:
    """A loss that leaves the range of numbers, or is thrown back again and again.

    Wrong: some step undoes what many have learnt; after a NaN nothing is learnt any more.
    Seen: the loss is not finite from a step on, to the end: named is the first tensor that was not, in the order of the
        training step. Or, from 100 steps on, its running median rose to 2.5 times the best level before, for three steps
        and more, at least twice (or for good), with updates above a tenth of the weights; for good and amid an epoch over data
        that had all been seen before it is an alarm under small updates, too, and so it is when twice and more, the last time to the end, it goes back there to where
        a constant prediction stands. Or updates stay above 0.025 of the weights to the end, and
        the loss, a fifth of what a constant prediction gets and more, comes back up to twice what it had been, and not with what such a prediction gets on the same targets. Single hard batches, restarts of
        the learning rate and new data under small updates are not accused; a rate that is raised again and again is, where what was learnt is lost with it.
    Where: the tensor, or the line that sets the optimizer's rate, else that of its step; the steps. No line where the updates were small: new data may have done it.
    Try: look at those batches; clip gradients; a smaller rate or a warm-up; for NaN find where it is born.
    Bad:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        poisoned = inputs.clone()
        poisoned[150] = float("nan")
        for epoch in range(2):
            for x, y in zip(poisoned.split(32), targets.split(32)):
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Good:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(2):
            for x, y in zip(inputs.split(32), targets.split(32)):
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Source: Pascanu, Mikolov, Bengio, 2013; thresholds are our choice.
    """
    for loss in losses(result):
        since = loss.nonfinite_since()
        if since is not None:
            yield _lost(result, loss, since)
            return
    if any(is_range_test(result, motion) for motion in motions(result)):
        raise NotChecked("because the learning rate was raised on purpose until it was too high")
    loss = only_loss(result)
    if loss is None or not loss.ordered:
        raise NotChecked("because spikes are looked for in one loss alone that is never negative")
    if len(loss.values) < STEPS:
        raise NotChecked(f"because {len(loss.values)} steps with a loss were seen, and spikes need {STEPS}")
    thrown_back = list(curve_shapes.thrown_back(loss.values))
    found = [e for e in thrown_back if not _rate_rose(result, loss, e)]
    if (seen := undone(result, loss)) is not None:
        yield seen
        return
    if not found:
        yield from _restless(result, loss)
        return
    lost = curve_shapes.is_for_good(found[-1], loss.values)
    if len(found) < 2 and not lost:
        return
    thrown = [e for e in found if _widest(result, loss, e) >= WIDE]
    worst = max(found, key=lambda e: e.top / max(e.before, 1e-12))
    spans = ", ".join(f"{loss.track.steps[e.first]} to {loss.track.steps[e.last]}" for e in found[:4])
    widest, alarming = max(_widest(result, loss, e) for e in found), thrown or _is_of_known_data(result, loss, found)
    place = Location(detail=f"{loss.track.name}, step {loss.track.steps[worst.first]}")
    if alarming:
        optimizer = next(iter(loss.optimizers), "")
        place = set_at(result, optimizer, replace(usual_place(result, "step", optimizer), detail=place.detail), "lr")
    yield Seen(
        f"{loss.track.name} was thrown back {len(found)} times (steps {spans}{' …' if len(found) > 4 else ''}), at most from "
        f"{worst.before:.3g} to {worst.top:.3g}{'' if found[-1].returned else ', and did not come back'}"
        + (f"; updates there were up to {widest:.2g} of the weights" if widest else ""),
        place, {"times": len(found), "from": worst.before, "to": worst.top, "first": loss.track.steps[found[0].first]},
        severity=None if alarming else INFO, advice=None if alarming else NEW_DATA,
    )  # fmt: skip


def undone(result: WatchResult, loss: Loss) -> Seen | None:
    """A schedule that raises the rate again and again, each time so high that the loss goes back to where a constant prediction stands."""
    level, since = loss.constant or curve_shapes.begin(loss.values), [0]
    rates = [t for name, t in result.tracks.items() if name.startswith("learning rate") and len(t) > 2 and max(t.high) >= RAISED * min(t.values)]
    if not rates or level <= 0:
        return None
    smooth, steps = curve_shapes.smooth(loss.values), [s for s, v in zip(loss.track.steps, loss.track.values, strict=True) if math.isfinite(v)]
    ends = curve_shapes.end(loss.values)
    for_good = ends >= UNDONE * level
    low, learnt = (ONCE if for_good else LEARNT) * level, -1  # since when it has learnt
    for step, value in zip(steps, smooth, strict=False):
        if value <= low and learnt < 0:
            learnt = step
        elif value >= UNDONE * level and learnt >= 0:
            since += [step] if any(_rises(t, learnt, step) for t in rates) else []
            learnt = -1
    blown = max((v for s, v in zip(steps, smooth, strict=False) if since[1:] and s >= since[1]), default=0.0) >= BLOWN * level and ends >= LEARNT * level
    if len(since) <= (1 if blown or for_good else TWICE):
        return None
    peak = max(max(t.high) for t in rates)
    name = next((s.name for s in result.schedulers if s.optimizer in loss.optimizers and result.built_at(s.name)), "")
    optimizer = next(iter(loss.optimizers), "")
    place = replace(usual_place(result, "step", optimizer), detail=f"{loss.track.name}, step {since[1]}")
    return Seen(
        f"{loss.track.name} came below {low:.3g} and went back above {UNDONE * level:.3g} {len(since) - 1} times (steps {', '.join(map(str, since[1:5]))}), under a learning rate that is "
        f"raised to {peak:.3g}{f' by `{name}`' if name else ''} again and again: what was learnt is lost",
        set_at(result, name, place, "max_lr", "base_lr") if name else place, {"times": len(since) - 1, "peak": peak},
        advice="a lower peak: restarts of the rate may move the loss, and not undo it",
    )


def _rises(rate: Track, first: int, last: int) -> bool:
    """Whether a rate went up between two steps: while it only falls, a loss that comes back is not its doing."""
    begun = max((i for i, step in enumerate(rate.steps) if step <= first), default=0)
    lowest = math.inf
    for step, low, high in list(zip(rate.steps, rate.low or rate.values, rate.high or rate.values, strict=True))[begun:]:
        if step > last:
            return False
        if high >= RAISED * lowest:
            return True
        lowest = min(lowest, low)
    return False


def _restless(result: WatchResult, loss: Loss) -> Iterator[Seen]:
    """A loss that comes back up again and again, while the updates of most weights stay large to the end."""
    over, known = loss.over_constant(1 / 3), moving(result)
    widest = max(known, key=lambda m: m.elements, default=None)
    if loss.constant is None or widest is None or over is None or over < UNLEARNT or widest.elements < 0.5 * sum(m.elements for m in known):
        return
    known_late = [r for step, r in zip(widest.steps, widest.ratios, strict=False) if step >= 2 / 3 * result.steps]
    late = middle([r for r in known_late or widest.ratios[-1:] if math.isfinite(r)])
    top, before = _comes_back(loss.values)
    if not late >= RESTLESS or not top >= BOUNCES * before or _goes_with_targets(loss):
        return
    yield Seen(
        f"{loss.track.name} bounces: it was at {before:.3g} and came back up to {top:.3g}, and updates of {widest.label} are {late:.2g} of the weights "
        f"to the end (steps 0 to {result.steps - 1}): they are too large to settle",
        widest.set_at(result, "lr"), {"from": before, "to": top, "update_over_weight": late}, advice="a smaller learning rate, or one that falls; clip_grad_norm_",
    )  # fmt: skip


def _goes_with_targets(loss: Loss) -> bool:
    """Whether it goes up and down, past its first third, as what a constant prediction gets on the same targets does: batches are hard or easy, and nothing bounces."""
    late = [(constant, value) for _, value, constant in loss.beside[len(loss.beside) // 3 :] if math.isfinite(value)]
    return len(late) >= FEWEST and curve_shapes.agreement([value for _, value in sorted(late, key=lambda pair: pair[0])]) >= HARD


def _comes_back(values: list[float]) -> tuple[float, float]:
    """The level to which a curve rose most, past its first third, and the best one before."""
    best, most = math.inf, (0.0, math.inf)
    for value in curve_shapes.smooth(values)[len(values) // 3 :]:
        if best < math.inf and value / max(best, 1e-12) > most[0] / most[1]:
            most = value, max(best, 1e-12)
        best = min(best, value)
    return most


def _lost(result: WatchResult, loss: Loss, since: int) -> Seen:
    """The loss is not finite to the end; the tensor where that was seen first."""
    first = _first_nonfinite(result, since)
    optimizer = next(iter(loss.optimizers), "")
    place = replace(usual_place(result, "step", optimizer), detail=f"{loss.track.name}, from step {since} on")
    said = f"{loss.track.name} is not finite from step {since} to the end (step {result.steps - 1})"
    if first is not None:
        tensor, step, count = first
        said += f"; first seen at step {step}, in the {tensor.what} of `{tensor.name}`: {count:,} of {tensor.elements:,} elements"
        module = tensor.name if tensor.what.startswith("activation") else tensor.name.rpartition(".")[0]
        place = replace(place, module=module, parameter="" if tensor.what.startswith("activation") else tensor.name)
    advice = "find where it is born: nbdebug.activations and nbdebug.gradients on the batch of that step"
    return Seen(said, place, {"since": since, "steps": result.steps}, severity=ERROR, advice=advice)


def _first_nonfinite(result: WatchResult, since: int) -> tuple[TensorTrack, int, int] | None:
    """The earliest that was finite before, in the order of a step. What never was, a mask, is no news."""
    found: list[tuple[int, int, int, TensorTrack, int]] = []
    for position, tensor in enumerate(result.tensors):
        bad = [(s, n) for s, n in zip(tensor.steps, tensor.nonfinite, strict=True) if n]
        news = tensor.what in ("gradient", "update") or (bool(bad) and (bad[0][0] > tensor.steps[0] or since <= bad[0][0]))
        if bad and news:
            rank = ORDER.index(tensor.what)
            found.append((bad[0][0], rank, -position if tensor.what == "activation gradient" else position, tensor, bad[0][1]))
    if not found:
        return None
    step, _, _, tensor, count = min(found, key=lambda entry: entry[:3])
    return tensor, step, count


def _is_of_known_data(result: WatchResult, loss: Loss, found: list[Excursion]) -> bool:
    """Whether data that had been seen before threw it back for good, or lost all that was learnt more often than by accident, and to the end."""
    if not _on_known_data(result, loss, found[-1]) or found[-1].returned:
        return False
    level = loss.constant or curve_shapes.begin(loss.values)
    back = [e for e in found if e.before <= LEARNT * level and e.top >= UNDONE * level and _on_known_data(result, loss, e)]
    return curve_shapes.is_for_good(found[-1], loss.values) or (len(back) >= TWICE and back[-1] == found[-1])


def _on_known_data(result: WatchResult, loss: Loss, excursion: Excursion) -> bool:
    """Whether it began amid an iteration over one finite loader that had been gone through before: no new data, no new task did it."""
    trained = {event.facts["loader"] for _, event in result.events("forward") if event.facts["grad"] and event.facts["training"]}
    loader = training_loader(result)
    if loader is None or trained != {loader.name} or not loader.length or loader.length < EDGE * 4 or loader.samples is None:
        return False
    onset = loss.track.steps[max(0, excursion.first - curve_shapes.WINDOW // 2)]
    return onset >= 2 * loader.length and EDGE <= onset % loader.length <= loader.length - EDGE


def _rate_rose(result: WatchResult, loss: Loss, excursion: Excursion) -> bool:
    """Whether a schedule raised the learning rate shortly before: a restart, not an accident."""
    if not any(s.optimizer in loss.optimizers for s in result.schedulers):
        return False
    onset = loss.track.steps[excursion.first]
    for name, track in result.tracks.items():
        if name.startswith("learning rate"):
            pairs = list(zip(track.steps, track.values, strict=True))  # a rate is noted where it changes
            before = [v for s, v in pairs if s < onset - 20][-1:] + [v for s, v in pairs if onset - 20 <= s <= onset]
            if before and max(before) > 1.5 * min(before) and before.index(max(before)) > before.index(min(before)):
                return True
    return False


def _widest(result: WatchResult, loss: Loss, excursion: Excursion) -> float:
    """The largest update over its weights just before it began; or with it, if it began with one outrageous batch."""
    values, steps = loss.values, [s for s, v in zip(loss.track.steps, loss.track.values, strict=True) if math.isfinite(v)]
    onset = next((i for i in range(max(0, excursion.first - 4), excursion.last + 1) if values[i] > curve_shapes.SPIKE * excursion.before), excursion.first)
    with_it = values[onset] >= OUTRAGEOUS * excursion.top
    first, last = steps[max(0, onset - 3)], steps[onset] if with_it else steps[max(0, onset - 1)]
    looks = [(step, ratio) for motion in motions(result) for step, ratio in zip(motion.steps, motion.ratios, strict=False) if math.isfinite(ratio)]
    before = [ratio for step, ratio in looks if first <= step <= last]
    return max(before or [ratio for step, ratio in looks if last < step <= steps[onset]], default=0.0)  # where none came before it, the one that it caused
