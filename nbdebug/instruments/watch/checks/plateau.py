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
from nbdebug.instruments.watch.reading.source import calls, dotted, names, scopes
from nbdebug.instruments.watch.result import WatchResult

FEW = 4  # values that a scheduler was given, from which on they have a direction; our choice
SAME = 0.05  # relative, between a validation loss and one that is averaged over uneven batches; our choice
LOSSES = ("loss", "losses", "err", "error", "mse", "rmse", "mae", "nll", "perplexity", "ppl", "wer", "cer")
SCORES = ("acc", "accuracy", "f1", "auc", "auroc", "score", "iou", "dice", "precision", "recall", "bleu", "correct", "hits")


def wrong_way(result: WatchResult, course: Course) -> Seen | None:
    """ReduceLROnPlateau that waits for a loss to rise, or for a score to fall, and takes what goes well for a plateau."""
    mode, given = course.scheduler.settings.get("mode"), result.tracks.get(f"{GIVEN} {course.scheduler.name}")
    values = given.finite() if given is not None else []
    if len(values) < FEW or min(values) < 0 or not any(len(t) and t.values[-1] < 0.999 * max(t.values) for t in course.rates):
        return None
    said = _named(result, course.scheduler.name)
    loss, moved = "a loss" if said in LOSSES or _is_validation(result, values) else "", change(values)
    score = "a score" if said in SCORES else ""
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


def _is_validation(result: WatchResult, values: list[float]) -> bool:
    """Whether these are the validation losses that were seen."""
    seen = result.tracks.get(VALIDATION)
    known = seen.finite() if seen is not None else []
    close = [math.isclose(one, other, rel_tol=SAME) for one, other in zip(values, known, strict=False)]
    return abs(len(known) - len(values)) <= 1 and sum(close) >= 0.9 * len(values)
