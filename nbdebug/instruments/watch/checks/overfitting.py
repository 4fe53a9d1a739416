"""Check of the validation curve: overfitting."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from nbdebug import curve_shapes
from nbdebug.curve_shapes import Parting
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.curves import VALIDATION
from nbdebug.instruments.watch.reading.courses import training_loader
from nbdebug.instruments.watch.reading.learning import Loss, demand_ordered, trained_model
from nbdebug.instruments.watch.reading.motion import set_at
from nbdebug.instruments.watch.reading.source import last_name
from nbdebug.instruments.watch.reading.written import everything
from nbdebug.instruments.watch.result import Loader, Model, Track, WatchResult
from nbdebug.instruments.watch.session import watched

MOST = 0.6  # of all parameters, from which on the one they lie in is named
BY_HEART = 0.1  # of what a constant prediction gets, down to which the training loss has come; our choice
NO_BETTER = 1.0  # times that, at which the validation loss stands since
WORSE = 1.05  # times its best value, to which it has risen then; our choice
FEW, LARGE = 100, 10.0  # samples from which on it is not they that are few, where the model has so many parameters for each; our choice


@watched.check(
    "ND703", "overfitting", severity=WARNING,
    advice="stop at the best validation loss and keep those weights; more data, augmentation, weight decay or dropout",
)  # fmt: skip
def overfitting(result: WatchResult) -> Iterator[Seen]:
    """The validation loss rises for long while the training loss still falls.

    Wrong: the model learns its training samples by heart, and gets worse on all others.
    Seen: since its best point, for at least 4 points and a third of all, the validation loss rose to 1.15 times and more,
        beyond its own noise and steadily (Kendall's tau 0.5, or above all along), while the training loss lost a tenth and more. Or it rose by
        a twentieth to what a constant prediction gets and above, while the training loss is a tenth of that. Where the loop
        took the state of the model at the best point, as early stopping does, it is only mentioned, unless its own text puts a state back and never came to do it.
    Where: the line that builds the loader of the training samples, or the model, where it has more than ten parameters for each of 100 samples and more; else that of the validation loss; the steps.
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
    if seen is None or len(seen) < curve_shapes.POINTS:
        raise NotChecked(f"because a trend needs {curve_shapes.POINTS} values of the validation loss: {len(seen) if seen else 0} were seen")
    loss = demand_ordered(result)
    place, loader = _validation_place(result), training_loader(result)
    parted = curve_shapes.parting(seen.steps, seen.values, loss.track.steps, loss.track.values) or _by_heart(loss, seen)
    if parted is None:
        return
    detail = f"validation loss, steps {seen.steps[parted.best]} to {seen.steps[-1]}"
    since, kept = seen.steps[parted.best], _kept(result, seen, parted.best)
    unmet = _never_put_back(result) if kept else None
    kept = kept and unmet is None
    yield Seen(
        f"validation loss rose from {parted.lowest:.3g} at step {since} to {parted.worst:.3g} at step {seen.steps[-1]} while the "
        f"training loss fell from {parted.before:.3g} to {parted.after:.3g}{'; the best weights were kept' if kept else f'; the best weights were taken, and never put back{unmet[1]}' if unmet else ''}"
        f"{_sizes(result, loader)}",
        replace(unmet[0] if unmet else _made_at(result, loader, place), detail=detail),
        {"best": parted.lowest, "last": parted.worst, "training_before": parted.before, "training_after": parted.after, "since": since},
        severity=INFO if kept else None,
    )


def _by_heart(loss: Loss, seen: Track) -> Parting | None:
    """Training samples that are known by heart, while on others the model has become worse than one constant prediction for all."""
    values, constant = list(seen.values), loss.constant
    over = loss.over_constant(1 / 3)
    if constant is None or over is None or over > BY_HEART or not all(map(math.isfinite, values)):
        return None
    level = curve_shapes.smooth(values, 3)
    best = min(range(len(level)), key=level.__getitem__)
    after = values[best:]
    worst = curve_shapes.middle(after[-3:])
    risen = len(after) - 1 >= max(curve_shapes.RISING, len(values) / 3) and worst >= WORSE * level[best] and worst - level[best] > 4 * curve_shapes.noise(values)
    if not risen or min(after[-max(curve_shapes.RISING, len(after) // 2) :]) < NO_BETTER * constant:
        return None
    before, later = curve_shapes.levels_at(loss.track.steps, loss.track.values, seen.steps[best], seen.steps[-1])
    return Parting(best, values[best], worst, before, later) if later < before else None


def _made_at(result: WatchResult, loader: Loader | None, place: Location) -> Location:
    """Where what is out of proportion is made: the samples, when they are few, else a model that is large for them."""
    model = trained_model(result)
    if loader is None:
        return place
    large = model is not None and loader.samples is not None and loader.samples >= FEW and model.parameters >= LARGE * loader.samples
    return set_at(result, model.name if large and model is not None else loader.name, place)


def _sizes(result: WatchResult, loader: Loader | None) -> str:
    """How much there is to learn from, beside how much can be learnt by heart, as the end of a sentence."""
    model = trained_model(result)
    if model is None or loader is None or loader.samples is None:
        return ""
    stepping = [o for o in result.optimizers if o.steps]
    undecayed = bool(stepping) and all(group.weight_decay == 0 for o in stepping for group in o.groups)
    return f". `{model.name}` has {model.parameters:,} parameters{_mostly(result, model)}, `{loader.name}` {loader.samples:,} samples" + (f"; `{stepping[0].name}` decays no weights" if undecayed else "")


def _mostly(result: WatchResult, model: Model) -> str:
    """The one table or layer that most of them lie in."""
    weights = [t for t in result.tensors_of("weight") if t.name.endswith("weight")]
    largest = max(weights, key=lambda t: t.elements, default=None)
    return f", {largest.elements:,} of them in `{largest.name}`" if largest is not None and len(weights) > 1 and largest.elements > MOST * model.parameters else ""


def _kept(result: WatchResult, seen: Track, best: int) -> bool:
    """Whether the state of the model was taken about then, and not later."""
    between = seen.steps[best] - seen.steps[best - 1] if best else seen.steps[1] - seen.steps[0]
    taken = [cycle.last for cycle, _ in result.events("state")]
    return bool(taken) and seen.steps[best] - between <= max(taken) <= seen.steps[best] + 3 * between


def _never_put_back(result: WatchResult) -> tuple[Location, str] | None:
    """Where the loop's own text puts a state back into a model, and that was never come to: it ended with the last weights, not with the best. With what did not come true."""
    if any(True for _ in result.events("load")):
        return None
    known = [(s, n) for s in everything(result) if s.ran for n in s.nodes()]
    asked = [(s, n) for s, n in known if isinstance(n, ast.If) and any(_puts_back(part) for inside in n.body for part in ast.walk(inside))]
    if asked:
        scope, node = asked[-1]  # the innermost
        return scope.place(node), f": `{ast.unparse(node.test)}` never came true"
    return next(((s.place(n), "") for s, n in known if _puts_back(n)), None)


def _puts_back(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == "load_state_dict"


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
