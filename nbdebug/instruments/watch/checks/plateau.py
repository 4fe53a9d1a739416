"""ReduceLROnPlateau that looks the wrong way."""

from __future__ import annotations

import ast
import math
import re

from nbdebug.curve_shapes import change
from nbdebug.findings import Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.curves import GIVEN, VALIDATION
from nbdebug.instruments.watch.reading.courses import Course
from nbdebug.instruments.watch.reading.learning import only_loss
from nbdebug.instruments.watch.reading.source import calls, dotted, names, scopes
from nbdebug.instruments.watch.result import Track, WatchResult

FEW = 4  # values that a scheduler was given, from which on they have a direction; our choice
SAME = 0.05  # relative, between a validation loss and one that is averaged over uneven batches; our choice
APART = 1.5  # times, that a validation loss is above or below the training loss of its epoch; our choice
STEADILY, RISEN = 0.7, 0.1  # share of its steps that go up, and what a score gains early and in all; our choice
LOSSES = ("loss", "losses", "err", "error", "mse", "rmse", "mae", "nll", "perplexity", "ppl", "wer", "cer")
SCORES = ("acc", "accuracy", "f1", "auc", "auroc", "score", "iou", "dice", "precision", "recall", "bleu", "correct", "hits")


def wrong_way(result: WatchResult, course: Course) -> Seen | None:
    """ReduceLROnPlateau that waits for a loss to rise, or for a score to fall, and takes what goes well for a plateau."""
    mode, given = course.scheduler.settings.get("mode"), result.tracks.get(f"{GIVEN} {course.scheduler.name}")
    values = given.finite() if given is not None else []
    if len(values) < FEW or min(values) < 0 or not any(len(t) and t.values[-1] < 0.999 * max(t.values) for t in course.rates):
        return None
    said = _named(result, course.scheduler.name)
    is_loss = said in LOSSES or _is_validation(result, values) or not said and _goes_with_training(result, given)
    loss, moved = "a loss" if is_loss else "", change(values)
    score = "a score" if said in SCORES or not (said or loss) and _goes_against_training(result, given) else ""
    better = (mode == "max" and loss and not score and moved < 0) or (mode == "min" and score and not loss and moved > 0)
    if not better:
        return None
    rates = course.rates[0]
    return Seen(
        f"`{course.scheduler.name}` has mode='{mode}' and is given {loss or score}, which went from {values[0]:.3g} to {values[-1]:.3g}: it took every "
        f"improvement for a plateau, and brought the learning rate from {max(rates.values):.2g} down to {rates.values[-1]:.2g}",
        result.built_at(course.scheduler.name, "mode") or Location(), {"first": values[0], "last": values[-1], "rate": rates.values[-1]},
        advice=f"mode='{'min' if loss else 'max'}'",
    )  # fmt: skip


def _named(result: WatchResult, scheduler: str) -> str:
    """Of the words in the names of what a scheduler is stepped with one that says what it is; "" where they disagree."""
    name = scheduler.rpartition(".")[2]
    known = [call for scope in scopes(result.sources) for node in scope.nodes() for call in calls(node, "step")]
    given = [call.args[0] for call in known if call.args and dotted(call.func.value).rpartition(".")[2] == name]  # type: ignore[attr-defined]
    words = {word for argument in given for part in names(argument) | _keys(argument) for word in re.split(r"[\W_]+", part.lower())}
    losses, scores = words & set(LOSSES), words & set(SCORES)
    return "" if losses and scores else next(iter(losses | scores), "")


def _keys(node: ast.AST) -> set[str]:
    """The words in brackets: "val_loss" of `history["val_loss"][-1]`."""
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def _goes_with_training(result: WatchResult, given: Track | None) -> bool:
    """Whether what it was given is, each time, about what the training loss was in the epoch before, and falls with it."""
    pairs = _beside_training(result, given)
    near = len(pairs) >= FEW and all(1 / APART <= value / mean <= APART for value, mean in pairs)
    return near and change([value for value, _ in pairs]) < 0 and change([mean for _, mean in pairs]) < 0


def _goes_against_training(result: WatchResult, given: Track | None) -> bool:
    """Whether it lies between 0 and 1, begins elsewhere than the training loss, and rises from the first epochs on as that falls."""
    pairs = _beside_training(result, given)
    values = [value for value, _ in pairs]
    if len(pairs) < FEW or not all(0 <= value <= 1 for value in values) or 1 / APART <= pairs[0][0] / pairs[0][1] <= APART:
        return False
    steps = [after >= before for before, after in zip(values, values[1:], strict=False)]
    early = max(values[: len(values) // 2 + 1]) - values[0]
    return sum(steps) >= STEADILY * len(steps) and min(early, values[-1] - values[0]) >= RISEN and change([mean for _, mean in pairs]) < 0


def _beside_training(result: WatchResult, given: Track | None) -> list[tuple[float, float]]:
    """What it was given, each time, and the mean training loss since the time before; none where there is not one loss, above zero."""
    loss, pairs, since = only_loss(result), [], -1
    for step, value in zip(given.steps, given.values, strict=True) if loss is not None and given is not None else ():
        epoch = [v for s, v in zip(loss.track.steps, loss.track.values, strict=True) if since < s <= step and math.isfinite(v)]  # type: ignore[union-attr]
        if epoch and min(epoch) > 0 and math.isfinite(value):
            pairs.append((value, sum(epoch) / len(epoch)))
        since = step
    return pairs


def _is_validation(result: WatchResult, values: list[float]) -> bool:
    """Whether these are the validation losses that were seen."""
    seen = result.tracks.get(VALIDATION)
    known = seen.finite() if seen is not None else []
    close = [math.isclose(one, other, rel_tol=SAME) for one, other in zip(values, known, strict=False)]
    return abs(len(known) - len(values)) <= 1 and sum(close) >= 0.9 * len(values)
