"""Checks of the curves: overfitting, underfitting, plateau, instability. A short run gets no verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch import curve_shapes
from nbdebug.instruments.watch.curve_shapes import Excursion, middle
from nbdebug.instruments.watch.curves import VALIDATION
from nbdebug.instruments.watch.learning import Loss, learns_in_validation, losses, only_loss
from nbdebug.instruments.watch.motion import motions, step_place
from nbdebug.instruments.watch.result import TensorTrack, Track, WatchResult
from nbdebug.instruments.watch.session import watched

POINTS = 8  # of the validation loss, below which it has no trend; our choice
RISING = 4  # of them after the best one, and a third of all, before a rise is a trend; our choice: patience is often 3 to 10
WORSE = 1.15  # times the best validation loss; our choice: below it, stopping or not makes no difference to speak of
BETTER = 0.9  # of the training loss at that time, that it must have come down to since; our choice
AGREES = 0.5  # Kendall's tau of the rise; our choice: 0.5 is three pairs of four
LONG = 300  # steps from which on a loss that stays at chance is said to; our choice: small tasks leave it within 200
EPOCHS = 3  # that the data must have been seen, where there are epochs
MOVING = 1e-4  # update over weight that is healthy enough; our choice, a tenth of the usual thousandth
FROM_ABOVE = 1.15  # times a constant prediction's loss, that a loss began at which then fell to it: a plateau, not underfitting
PLATEAU = 0.5  # share of the run that it must have lasted; our choice
UNFINISHED = 0.1  # of the first loss; a plateau below it is the bottom; our choice
SPIKE = 2.5  # times the best level before; our choice: noise of small batches stays below in running medians
LASTING = 3  # values in a row; single ones are hard batches
WIDE = 0.1  # update over weight that throws a model about; our choice: tasks and restarts that change the loss stay below
OUTRAGEOUS = 3.0  # times what came after it, that a batch's loss was which did the damage; our choice
STEPS = 100  # below which a loss has no spikes to speak of; our choice


@watched.check(
    "ND703", "overfitting", severity=WARNING,
    advice="stop at the best validation loss and keep those weights; more data, augmentation, weight decay or dropout",
)  # fmt: skip
def overfitting(result: WatchResult) -> Iterator[Seen]:
    """The validation loss rises for long while the training loss still falls.

    Wrong: the model learns its training samples by heart, and gets worse on all others.
    Seen: since its best point, for at least 4 points and a third of all, the validation loss rose to 1.15 times and more,
        beyond its own noise and steadily (Kendall's tau 0.5), while the training loss lost a tenth and more. Where the loop
        took the state of the model at the best point, as early stopping does, it is only mentioned.
    Where: the line of the validation loss, and the steps.
    Try: keep the best weights; more data; augmentation; weight decay, dropout, a smaller model.
    Bad:
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
        few = DataLoader(TensorDataset(inputs[:64], targets[:64]), batch_size=32)
        for epoch in range(40):
            for x, y in few:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
            with torch.no_grad():
                for x, y in val_loader:
                    loss_fn(model(x), y)
    Good:
        for epoch in range(10):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
            with torch.no_grad():
                for x, y in val_loader:
                    loss_fn(model(x), y)
    Source: Prechelt, Early stopping: but when?, 1998; thresholds are our choice.
    """
    seen = result.tracks.get(VALIDATION)
    if seen is None or len(seen) < POINTS:
        raise NotChecked(f"because the validation loss was seen {len(seen) if seen else 0} times, and a trend needs {POINTS}")
    loss = _demand_ordered(result)
    place = _validation_place(result)
    best = _turning_point(seen)
    if best is None:
        return
    lowest, worst = seen.values[best], middle(seen.values[-3:])
    before, after = _training_levels(loss, seen.steps[best], seen.steps[-1])
    if after is None or before is None or after > BETTER * before:
        return
    kept = _kept(result, seen, best)
    yield Seen(
        f"validation loss rose from {lowest:.3g} at step {seen.steps[best]} to {worst:.3g} at step {seen.steps[-1]} while the "
        f"training loss fell from {before:.3g} to {after:.3g}{'; the best weights were kept' if kept else ''}",
        replace(place, detail=f"validation loss, steps {seen.steps[best]} to {seen.steps[-1]}"),
        {"best": lowest, "last": worst, "training_before": before, "training_after": after, "since": seen.steps[best]},
        severity=INFO if kept else None,
    )


@watched.check(
    "ND704", "underfitting", severity=WARNING,
    advice="overfit one batch first: nbdebug.overfit; then look at labels, inputs and the size of the model",
)  # fmt: skip
def underfitting(result: WatchResult) -> Iterator[Seen]:
    """Weights move and move, and the training loss stays what it was without having learnt.

    Wrong: the inputs do not tell the targets, the model cannot express it, or labels and samples do not belong together.
    Seen: over at least 300 steps and 3 epochs the training loss stays within 5 % of what the best constant prediction would
        get on the targets seen, from the beginning on, and does not fall, while updates are healthy (1e-4 of the weights or more). Losses that
        cannot be compared with a constant prediction, or play against each other, are not accused.
    Where: the line of the backward pass, and the steps.
    Try: overfit a single batch; if that works the data are to blame, if not the model.
    Bad:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(330):
            x, y = torch.randn(32, 64), targets[torch.randint(0, 192, (32,))]
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    Good:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(330):
            rows = torch.randint(0, 192, (32,))
            optimizer.zero_grad()
            loss_fn(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    Source: Goodfellow, Bengio, Courville, Deep Learning, 5.2; thresholds are our choice.
    """
    loss = _demand_long(result)
    if loss.constant is None or curve_shapes.begin(loss.values) >= FROM_ABOVE * loss.constant:
        return
    falls = curve_shapes.fell(loss.values) or curve_shapes.fell(loss.values[len(loss.values) // 2 :])
    stays = loss.at_constant(1.0) and loss.knows_a_constant() and not falls
    if not stays or not _is_moving(result) or learns_in_validation(result, loss):
        return
    yield Seen(
        f"after {result.steps} steps the training loss is {curve_shapes.end(loss.values, 1 / 3):.4g}, and the best constant prediction "
        f"gets {loss.constant:.4g}: nothing of the inputs is used, though updates are {_pace(result):.1e} of the weights",
        replace(_backward_place(result), detail=f"{loss.track.name}, steps 0 to {result.steps - 1}"),
        {"loss": curve_shapes.end(loss.values, 1 / 3), "constant": loss.constant, "steps": result.steps},
    )


@watched.check(
    "ND705", "plateau", severity=WARNING,
    advice="look at what the predictions are: if they are all alike, inputs, labels or a dead layer are the reason",
)  # fmt: skip
def plateau(result: WatchResult) -> Iterator[Seen]:
    """The loss fell to what a constant prediction gets, and stayed there.

    Wrong: the model learnt the mean, or the frequencies of the classes, and nothing of the inputs.
    Seen: since half of at least 300 steps the training loss neither falls nor rises beyond its noise, at 0.95 times or more
        of what the best constant prediction gets, below where it began, and weights still move. A plateau at a lower
        level may well be all that there is to learn; it is mentioned when it lies above a tenth of the first loss.
    Where: the line of the backward pass, and the steps.
    Try: compare the predictions for different samples; check inputs, labels and dead layers; another learning rate.
    Bad:
        model = nn.Linear(64, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-1)
        for step in range(400):
            rows = torch.randint(0, 192, (32,))
            optimizer.zero_grad()
            F.mse_loss(model(0.1 * torch.randn(32, 64)), 5 + inputs[rows, :1]).backward()
            optimizer.step()
    Good:
        model = nn.Linear(64, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-1)
        for step in range(400):
            rows = torch.randint(0, 192, (32,))
            optimizer.zero_grad()
            F.mse_loss(model(inputs[rows]), 5 + inputs[rows, :1]).backward()
            optimizer.step()
    Source: our choice; that models first learn the mean is known from the dynamics of linear nets (Saxe et al., 2014).
    """
    loss = _demand_long(result)
    values = loss.values
    first = curve_shapes.flat_since(values)
    if first is None or first == 0 or first > (1 - PLATEAU) * len(values):
        return
    level, since = middle(values[first:]), loss.track.steps[first]
    place = replace(_backward_place(result), detail=f"{loss.track.name}, steps {since} to {result.steps - 1}")
    evidence = {"loss": level, "constant": loss.constant, "since": since, "steps": result.steps}
    stuck = loss.knows_a_constant() and curve_shapes.begin(values) >= FROM_ABOVE * (loss.constant or math.inf)
    if stuck and _is_moving(result) and not learns_in_validation(result, loss):
        yield Seen(
            f"since step {since} of {result.steps} the training loss stands at {level:.4g}, which is what the best constant "
            f"prediction gets ({loss.constant:.4g}): the predictions may all be alike",
            place, evidence,
        )  # fmt: skip
    elif not loss.at_constant() and level > UNFINISHED * curve_shapes.begin(values):
        yield Seen(
            f"since step {since} of {result.steps} the training loss stands at {level:.4g}; more steps of this kind bring nothing",
            place, evidence, severity=INFO, advice="lower the learning rate, or be content: the rest may be noise",
        )  # fmt: skip


@watched.check(
    "ND706", "unstable", severity=WARNING,
    advice="look at the batches and gradient norms of these steps; clip_grad_norm_, a smaller learning rate, a warm-up",
)  # fmt: skip
def unstable(result: WatchResult) -> Iterator[Seen]:
    """A loss that leaves the range of numbers, or is thrown back again and again.

    Wrong: some step undoes what many have learnt; after a NaN nothing is learnt any more.
    Seen: the loss is not finite from a step on, to the end: named is the first tensor that was not, in the order of the
        training step. Or, from 100 steps on, its running median rose to 2.5 times the best level before, for three steps
        and more, at least twice (or for good), with updates above a tenth of the weights. Single hard batches, restarts of
        the learning rate and new data under small updates are not accused.
    Where: the tensor, or the line of the optimizer's step; the steps.
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
    loss = only_loss(result)
    if loss is None or not loss.ordered or len(loss.values) < STEPS:
        raise NotChecked(f"because spikes are looked for in one loss alone that is never negative, over {STEPS} steps")
    found = [e for e in curve_shapes.excursions(loss.values, SPIKE, LASTING) if not _rate_rose(result, loss, e)]
    if not found:
        return
    lost = not found[-1].returned and found[-1].last - found[-1].first >= 0.1 * len(loss.values)
    if len(found) < 2 and not lost:
        return
    thrown = [e for e in found if _widest(result, loss, e) >= WIDE]
    worst = max(found, key=lambda e: e.top / e.before)
    spans = ", ".join(f"{loss.track.steps[e.first]} to {loss.track.steps[e.last]}" for e in found[:4])
    optimizer = next(iter(loss.optimizers), "")
    yield Seen(
        f"{loss.track.name} was thrown back {len(found)} times (steps {spans}{' …' if len(found) > 4 else ''}), at most from "
        f"{worst.before:.3g} to {worst.top:.3g}{'' if found[-1].returned else ', and did not come back'}; updates there were up to "
        f"{max(_widest(result, loss, e) for e in found):.2g} of the weights",
        replace(step_place(result, optimizer), detail=f"{loss.track.name}, step {loss.track.steps[worst.first]}"),
        {"times": len(found), "from": worst.before, "to": worst.top, "first": loss.track.steps[found[0].first]},
        severity=None if len(thrown) >= 2 or (lost and thrown) else INFO,
    )


# -- overfitting ---------------------------------------------------------------------------------------------------


def _turning_point(seen: Track) -> int | None:
    """Where the validation loss was best, if it has risen ever since."""
    values = list(seen.values)
    if not all(map(math.isfinite, values)):
        return None
    level = curve_shapes.smooth(values, 3)
    best = min(range(len(level)), key=level.__getitem__)
    after = values[best:]
    if len(after) - 1 < max(RISING, len(values) / 3) or level[best] <= 0:
        return None
    worst = middle(after[-3:])
    steady = curve_shapes.agreement(after) >= AGREES
    return best if steady and worst >= WORSE * values[best] and worst - values[best] > 4 * curve_shapes.noise(values) else None


def _training_levels(loss: Loss, then: int, now: int) -> tuple[float | None, float | None]:
    """Of the training loss, around the two steps."""
    width = max(3, len(loss.values) // 20)
    pairs = [(s, v) for s, v in zip(loss.track.steps, loss.track.values, strict=True) if math.isfinite(v)]
    before = [v for s, v in pairs if s < then][-width:]
    after = [v for s, v in pairs if s < now][-width:]
    return (middle(before) if before else None), (middle(after) if after else None)


def _kept(result: WatchResult, seen: Track, best: int) -> bool:
    """Whether the state of the model was taken about then, and not later."""
    between = seen.steps[best] - seen.steps[best - 1] if best else seen.steps[1] - seen.steps[0]
    taken = [cycle.last for cycle, _ in result.events("state")]
    return bool(taken) and seen.steps[best] - between <= max(taken) <= seen.steps[best] + 3 * between


def _validation_place(result: WatchResult) -> Location:
    """The line of the loss without a backward pass; what is logged of training batches is no validation."""
    training = {e.who for _, e in result.events("loss") if e.facts.get("grad")}
    trained_on = {e.facts.get("loader") for _, e in result.events("forward") if e.facts.get("grad") and e.facts.get("training")}
    counted: Counter[Location] = Counter()
    for cycle, event in result.events("loss"):
        if event.facts.get("grad") and event.facts.get("loader") in trained_on:
            continue
        beside = event.facts.get("training") and event.facts.get("loader") in trained_on and bool(event.facts.get("loader"))
        if beside or (training and event.who not in training):
            raise NotChecked("because losses are computed beside the training, too, that are no validation")
        counted[event.place] += cycle.times
    return counted.most_common(1)[0][0] if counted else Location()


# -- the levels of the training loss -------------------------------------------------------------------------------


def _demand_ordered(result: WatchResult) -> Loss:
    loss = only_loss(result)
    if loss is None:
        raise NotChecked("because there is not one loss alone: several play against each other, or none was descended")
    if not loss.ordered:
        raise NotChecked("because the loss goes below zero, so that its level says nothing")
    return loss


def _demand_long(result: WatchResult) -> Loss:
    loss = _demand_ordered(result)
    if len(loss.values) < LONG and result.steps < LONG:
        raise NotChecked(f"because {result.steps} steps were seen, and {LONG} are needed")
    trained = [loader.epochs for loader in result.loaders if loader.epochs]
    if trained and max(trained) < EPOCHS and len(trained) < EPOCHS:
        raise NotChecked(f"because the data were not seen {EPOCHS} times")
    return loss


def _pace(result: WatchResult) -> float:
    return max((m.ratio for m in motions(result) if m.steps), default=0.0)


def _is_moving(result: WatchResult) -> bool:
    return _pace(result) >= MOVING


def _backward_place(result: WatchResult) -> Location:
    counted: Counter[Location] = Counter()
    for cycle, event in result.events("backward"):
        counted[event.place] += cycle.times
    return counted.most_common(1)[0][0] if counted else Location()


# -- instability ---------------------------------------------------------------------------------------------------


def _lost(result: WatchResult, loss: Loss, since: int) -> Seen:
    """The loss is not finite to the end; the tensor where that was seen first."""
    first = _first_nonfinite(result, since)
    optimizer = next(iter(loss.optimizers), "")
    place = replace(step_place(result, optimizer), detail=f"{loss.track.name}, from step {since} on")
    said = f"{loss.track.name} is not finite from step {since} to the end (step {result.steps - 1})"
    if first is not None:
        tensor, step, count = first
        said += f"; first seen at step {step}, in the {tensor.what} of `{tensor.name}`: {count:,} of {tensor.elements:,} elements"
        module = tensor.name if tensor.what.startswith("activation") else tensor.name.rpartition(".")[0]
        place = replace(place, module=module, parameter="" if tensor.what.startswith("activation") else tensor.name)
    advice = "find where it is born: nbdebug.activations and nbdebug.gradients on the batch of that step"
    return Seen(said, place, {"since": since, "steps": result.steps}, severity=ERROR, advice=advice)


ORDER = ("activation", "activation gradient", "gradient", "update", "weight")  # within a training step


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


def _rate_rose(result: WatchResult, loss: Loss, excursion: Excursion) -> bool:
    """Whether a schedule raised the learning rate shortly before: a restart, not an accident."""
    if not any(s.optimizer in loss.optimizers for s in result.schedulers):
        return False
    onset = loss.track.steps[excursion.first]
    for name, track in result.tracks.items():
        if name.startswith("learning rate"):
            before = [v for s, v in zip(track.steps, track.values, strict=True) if onset - 20 <= s <= onset]
            if before and max(before) > 1.5 * min(before) and before.index(max(before)) > before.index(min(before)):
                return True
    return False


def _widest(result: WatchResult, loss: Loss, excursion: Excursion) -> float:
    """The largest update over its weights just before it began; or with it, if it began with one outrageous batch."""
    values, steps = loss.values, [s for s, v in zip(loss.track.steps, loss.track.values, strict=True) if math.isfinite(v)]
    onset = next((i for i in range(max(0, excursion.first - 4), excursion.last + 1) if values[i] > SPIKE * excursion.before), excursion.first)
    with_it = values[onset] >= OUTRAGEOUS * excursion.top
    first, last = steps[max(0, onset - 3)], steps[onset] if with_it else steps[max(0, onset - 1)]
    ratios = [
        ratio
        for motion in motions(result)
        for step, ratio in zip(motion.steps, motion.ratios, strict=False)
        if first <= step <= last and math.isfinite(ratio)
    ]
    return max(ratios, default=0.0)
