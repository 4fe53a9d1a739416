"""`nbdebug.fit(history)`: what the curves of a training say."""

from __future__ import annotations

import time
from typing import Any

from nbdebug.errors import SetupError
from nbdebug.instruments.base import Judged, demand_at_least, ranked
from nbdebug.instruments.fit.diagnosing import diagnosed
from nbdebug.instruments.fit.diagnosing.curves import curves_of
from nbdebug.instruments.fit.reading import read
from nbdebug.instruments.fit.result import Fit, Taken
from nbdebug.instruments.fit.roles import TRAINING, plays_against, take
from nbdebug.instruments.report import Report, remember

fitted = Judged("fit", title="fit", level="optimisation", result=Fit)


def fit(
    history: Any, *, training: str | None = None, validation: str | None = None, constant: float | None = None,
    same_mode: bool = False, resamples: int = 200, seed: int = 0,
) -> Report:  # fmt: skip
    """What the curves of a training say: underfitting, overfitting, plateau, oscillation, divergence, too slow, a leak.

    Each diagnosis comes with its span of steps, with how sure it is (the share of resampled curves in which it holds) and with one
    experiment that tells two causes apart. What curves alone cannot tell is mentioned, and accuses nobody. Nothing is trained.

    Args:
        history: a watch, its report or result; a DataFrame; a dict of lists; a list of dicts, as the log_history of transformers'
            Trainer; the path of a .csv, .json or .jsonl file, of TensorBoard's event files, or of a folder of one run.
        training: the column of the training loss; None takes it by its name.
        validation: the column of the validation loss; None takes it by its name, "none" takes no column.
        constant: what the best constant prediction would get, such as 2.303 for ten classes alike; None: unknown, but to a watch.
        same_mode: whether the training loss was computed as the validation loss is, in eval mode and after the epoch.
        resamples: curves that are made of the trend and its own noise, for how sure a diagnosis is.
        seed: of the resampling.

    Raises:
        SetupError: the history cannot be read, or it is not clear which column is which; the message lists the columns.
    """
    started = time.perf_counter()
    demand_at_least(1, resamples=resamples)
    for name, value in (("training", training), ("validation", validation)):
        if value is not None and not isinstance(value, str):
            raise SetupError(f"{name} is the name of a column, got {type(value).__name__}")
    columns = read(history)
    taken, courses = take(columns, training, validation)
    known = columns.constant if constant is None else constant
    rivals = plays_against(columns.courses, courses[TRAINING].name)
    curves = curves_of(courses, x=columns.x, constant=known, rivals=rivals, same_mode=same_mode)
    diagnoses, not_checked = diagnosed(curves, resamples, seed)
    limits = (*columns.limits, *([f"no numbers in {', '.join(columns.texts)}"] if columns.texts else []))
    result = Fit(columns.about, columns.x, taken, courses, diagnoses, not_checked, limits)
    verdicts, findings = fitted.judge(result)
    return remember(Report(
        "fit", "fit", "optimisation", result, ranked(findings), verdicts, subject=f"{columns.about} · {_said(taken)}",
        seconds=time.perf_counter() - started,
    ))  # fmt: skip


def _said(taken: tuple[Taken, ...]) -> str:
    """`took train_loss_epoch as the training loss, val_loss as the validation loss`."""
    return "took " + ", ".join(f"{column.column} as the {column.role}" for column in taken[:3])
