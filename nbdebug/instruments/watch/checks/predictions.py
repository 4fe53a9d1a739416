"""Checks of the predictions on a fixed batch: all alike, or never settled."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from nbdebug import curve_shapes
from nbdebug.curve_shapes import middle
from nbdebug.errors import NotChecked
from nbdebug.findings import WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.predictions.result import Predictions, deviation
from nbdebug.instruments.watch.reading.learning import Loss, only_loss
from nbdebug.instruments.watch.reading.motion import usual_place
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched

LOOKS = 5  # in a stretch, from which on it is no accident; our choice
LONG = 200  # steps that a collapse must last; our choice: small tasks leave the level of a constant within 200
FEWEST = 8  # predictions, below which that they agree says little; our choice
HONEST = 0.6  # share of the targets, from which on it is no fault to predict that class always; our choice
NARROW = 0.01  # spread of the predicted numbers over that of the targets; our choice: least squares on noise keeps more
WARMED = 0.5  # of the highest learning rate, that it must have had for so many steps; our choice
RESTLESS = 0.15  # share of predictions that changes from look to look, at the median; our choice
JUMPS = 0.1  # of accuracy, from look to look at the median of the larger half; our choice
CHANCE = 1.75  # times the jump of accuracy that changes in no direction make; our choice: of these the same median is at 1.15
KEPT = 0.5  # of its highest, below which a learning rate has come down and predictions may still settle


@watched.check(
    "ND711", "predictions collapsed", severity=WARNING,
    advice="do the inputs reach the output? look for dead layers, a saturated output, a learning rate that has broken the model, labels in the wrong order",
)  # fmt: skip
def predictions_collapsed(result: WatchResult) -> Iterator[Seen]:
    """All samples of a fixed batch get the same class, or the same number, though their targets differ.

    Wrong: the model says the same whatever it is shown: nothing of the inputs reaches its output any more, or yet.
    Seen: with `watch(predictions=…)`, over the last 200 steps and five looks or more each time all of at least 8
        predictions are the same class, though at most 60 % of the targets are of one (or the predicted numbers spread by less than a hundredth of
        the targets), while the training loss does not fall and the learning rate is not still being warmed up. The first
        steps are not judged, nor a batch of one class, losses that play against each other, or an honest majority.
    Where: the line of the backward pass, and the steps.
    Try: compare what two samples give layer by layer, nbdebug.activations; then the learning rate, and inputs and labels.
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.head = nn.Linear(64, 10)
            def forward(self, x):
                return self.head(x.softmax(1) * 0 + 1 / 64)
        model = Net()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        with nbdebug.watch(live=False, predictions=val_loader, every=10) as watch:
            for epoch in range(50):
                for x, y in train_loader:
                    optimizer.zero_grad()
                    loss_fn(model(x), y).backward()
                    optimizer.step()
    Good:
        model = nn.Linear(64, 10)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        with nbdebug.watch(live=False, predictions=val_loader, every=10) as watch:
            for epoch in range(50):
                for x, y in train_loader:
                    optimizer.zero_grad()
                    loss_fn(model(x), y).backward()
                    optimizer.step()
    Source: Karpathy, A Recipe for Training Neural Networks, 2019: visualize prediction dynamics; thresholds are our choice.
    """
    said, loss = _demand_looks(result)
    first = _collapsed_since(said)
    if first is None or len(said.steps) - first < LOOKS or _steps_warm(result, said.steps[first]) < LONG:
        return
    stretch = [value for step, value in zip(loss.track.steps, loss.track.values, strict=True) if step >= said.steps[first] and math.isfinite(value)]
    if len(stretch) < LOOKS or curve_shapes.fell(stretch) or curve_shapes.fell(stretch[len(stretch) // 2 :]):
        return  # it is still on its way
    since, last, count = said.steps[first], said.steps[-1], len(said.truth)
    place = replace(usual_place(result, "backward"), detail=f"{said.model}, steps {since} to {last}")
    if said.is_classes:
        kind = said.predicted[-1][0]
        of_it, kinds = sum(t == kind for t in said.truth), {look[0] for look in said.predicted[first:]}
        which = f"class {kind:g}, which {of_it} of the targets are" if len(kinds) == 1 else f"of one class at each look, at the end class {kind:g}"
        seen = f"all {count} predictions on {said.batch} are {which}"
    else:
        kind, of_it = middle(said.predicted[-1]), 0
        seen = f"all {count} predictions on {said.batch} are {kind:.4g}, where targets go from {min(said.truth):.4g} to {max(said.truth):.4g}"
    yield Seen(f"from step {since} to the end ({last}) {seen}", place, {"since": since, "last": last, "predicted": kind, "share_of_targets": of_it / count})


@watched.check(
    "ND712", "predictions jitter", severity=WARNING,
    advice="lower the learning rate, or let it decay; larger batches, an average of the weights",
)  # fmt: skip
def predictions_jitter(result: WatchResult) -> Iterator[Seen]:
    """The predictions on a fixed batch change again and again, and do not settle.

    Wrong: each stretch of steps undoes what the one before has learnt; how good the model is depends on when one stops.
    Seen: with `watch(predictions=…)`, over the second half of at least 200 steps and ten looks more than 15 % of the predicted
        classes change from look to look, as many at the end as before, and the accuracy on the batch jumps by a tenth and more,
        beyond what chance gives, under a learning rate that stays. Changes that cost no accuracy, and models that still get better, are
        not accused.
    Where: the line of the optimizer's step, and the steps.
    Try: a third of the learning rate, a schedule that decays, larger batches.
    Bad:
        y = torch.randint(0, 2, (1000,))
        x = 3 * (torch.randn(1000, 16) + 0.3 * (2 * y[:, None] - 1))
        model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        with nbdebug.watch(live=False, predictions=(x[:64], y[:64]), every=10) as watch:
            for step in range(400):
                rows = torch.randint(64, 1000, (1,))
                optimizer.zero_grad()
                loss_fn(model(x[rows]), y[rows]).backward()
                optimizer.step()
    Good:
        y = torch.randint(0, 2, (1000,))
        x = 3 * (torch.randn(1000, 16) + 0.3 * (2 * y[:, None] - 1))
        model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
        with nbdebug.watch(live=False, predictions=(x[:64], y[:64]), every=10) as watch:
            for step in range(400):
                rows = torch.randint(64, 1000, (1,))
                optimizer.zero_grad()
                loss_fn(model(x[rows]), y[rows]).backward()
                optimizer.step()
    Source: Karpathy, A Recipe for Training Neural Networks, 2019: visualize prediction dynamics; thresholds are our choice.
    """
    said, _ = _demand_looks(result)
    if not said.is_classes or len(said.steps) < 4 * LOOKS or said.steps[-1] < LONG:
        raise NotChecked("because too few looks at predicted classes were taken")
    half = len(said.steps) // 2
    flips, accuracy = said.flips[half:], said.accuracy[half:]
    if middle(flips) < RESTLESS or curve_shapes.fell(flips) or curve_shapes.rose(accuracy) or _rate_came_down(result):
        return
    jumps = sorted(abs(b - a) for a, b in zip(accuracy, accuracy[1:], strict=False))
    typical, low = middle(jumps[len(jumps) // 2 :]), middle(sorted(accuracy)[: len(accuracy) // 3])
    by_chance = math.sqrt(middle(flips) / len(said.truth))  # were each change as likely for the better as for the worse
    if typical < max(JUMPS, CHANCE * by_chance) or max(accuracy) - low < JUMPS:
        return
    since, last = said.steps[half], said.steps[-1]
    yield Seen(
        f"from step {since} to {last} a share of {middle(flips):.0%} of {len(said.truth)} predictions on {said.batch} changes from look to look, and the "
        f"accuracy there jumps between {min(accuracy):.0%} and {max(accuracy):.0%}",
        replace(usual_place(result, "step"), detail=f"{said.model}, steps {since} to {last}"),
        {"changed": middle(flips), "lowest": min(accuracy), "highest": max(accuracy), "since": since, "last": last},
    )


def _demand_looks(result: WatchResult) -> tuple[Predictions, Loss]:
    """The predictions, and the one loss that is descended.

    Raises:
        NotChecked: there are none, they say too little, or several losses play against each other.
    """
    said, loss = result.predictions, only_loss(result)
    if said is None:
        raise NotChecked("because no predictions were asked for: nbdebug.watch(predictions=val_loader)")
    if loss is None:
        raise NotChecked("because there is not one loss alone: several play against each other, or none was descended")
    if len(said.truth) < FEWEST or len(set(said.truth)) < 2:
        raise NotChecked("because the batch has too few samples, or one target for all")
    return said, loss


def _collapsed_since(said: Predictions) -> int | None:
    """The look from which on, to the end, all predictions are the same; None where they are not, or where that is honest."""
    if said.is_classes:
        if max(Counter(said.truth).values()) > HONEST * len(said.truth):
            return None
        alike = [number == 1 for number in said.different]
    else:
        spread = deviation(said.truth)
        alike = [deviation(look) < NARROW * spread for look in said.predicted]
    return next((i for i in range(len(alike)) if all(alike[i:])), None)


def _steps_warm(result: WatchResult, since: int) -> int:
    """Steps from there on at which the learning rate was no longer warmed up; 0 while it still rises at the end."""
    tracks = [t for name, t in result.tracks.items() if name.startswith("learning rate")]
    if not tracks:
        return result.steps - since
    track = max(tracks, key=len)
    highest = max(track.high)
    if len(track) > 1 and track.values[-1] >= highest and track.values[-1] > track.values[len(track) // 2] * 1.01:
        return 0
    warm = next((s for s, v in zip(track.steps, track.values, strict=True) if v >= WARMED * highest), result.steps)
    return result.steps - max(since, warm)


def _rate_came_down(result: WatchResult) -> bool:
    tracks = [t for name, t in result.tracks.items() if name.startswith("learning rate") and len(t)]
    return any(t.values[-1] < KEPT * max(t.high) for t in tracks)
