"""Check of the validation curve: overfitting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.curves import VALIDATION
from nbdebug.instruments.watch.reading import curve_shapes
from nbdebug.instruments.watch.reading.curve_shapes import middle
from nbdebug.instruments.watch.reading.learning import Loss, demand_ordered
from nbdebug.instruments.watch.result import Track, WatchResult
from nbdebug.instruments.watch.session import watched

POINTS = 8  # of the validation loss, below which it has no trend; our choice
RISING = 4  # of them after the best one, and a third of all, before a rise is a trend; our choice: patience is often 3 to 10
WORSE = 1.15  # times the best validation loss; our choice: below it, stopping or not makes no difference to speak of
BETTER = 0.9  # of the training loss at that time, that it must have come down to since; our choice
AGREES = 0.5  # Kendall's tau of the rise; our choice: 0.5 is three pairs of four


@watched.check(
    "ND703", "overfitting", severity=WARNING,
    advice="stop at the best validation loss and keep those weights; more data, augmentation, weight decay or dropout",
)  # fmt: skip
def overfitting(result: WatchResult) -> Iterator[Seen]:
    """The validation loss rises for long while the training loss still falls.

    Wrong: the model learns its training samples by heart, and gets worse on all others.
    Seen: since its best point, for at least 4 points and a third of all, the validation loss rose to 1.15 times and more,
        beyond its own noise and steadily (Kendall's tau 0.5, or above all along), while the training loss lost a tenth and more. Where the loop
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
        raise NotChecked(f"because a trend needs {POINTS} values of the validation loss: {len(seen) if seen else 0} were seen")
    loss = demand_ordered(result)
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
    wavers = curve_shapes.noise(values)
    above = min(after[-max(RISING, len(after) // 2) :]) >= WORSE * level[best] and worst - level[best] > 8 * wavers
    steady = curve_shapes.agreement(after) >= AGREES or above
    return best if steady and worst >= WORSE * values[best] and worst - values[best] > 4 * wavers else None


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
