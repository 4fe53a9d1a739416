"""A contender with what it got sample by sample, until all are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nbdebug.instruments.baselines.result import Contender, Difference
from nbdebug.instruments.baselines.scores import Scores


@dataclass
class Entry:
    """Holds tensors: nothing of it is kept in the result but `told`."""

    told: Contender
    scores: Scores | None = None
    answers: Tensor | None = None  # (n,) a class or a number for each sample held out; None where there is no one answer


def told_with(contender: Contender, scores: Scores) -> Contender:
    """The contender with its figures."""
    errors = scores.errors
    return replace(
        contender, loss=scores.loss.value, loss_error=_known(scores.loss.error),
        score=None if errors is None else _known(1 - errors.value), score_error=None if errors is None else _known(errors.error),
    )  # fmt: skip


def still_falls(losses: tuple[float, ...]) -> bool:
    """Whether the last quarter of the steps brought the training loss down further, by more than its noise and a hundredth."""
    quarter = len(losses) // 4
    if quarter < 5 or not all(map(math.isfinite, losses)):
        return True
    before, after = (torch.tensor(part, dtype=torch.float64) for part in (losses[-2 * quarter : -quarter], losses[-quarter:]))
    noise = float((before.var() / quarter + after.var() / quarter).sqrt())
    fallen = float(before.mean() - after.mean())
    return fallen > max(3 * noise, 0.01 * abs(float(before.mean())))


def difference(one: Entry, other: Entry) -> Difference:
    loss = one.scores.loss.minus(other.scores.loss)
    known = one.scores.errors is not None and other.scores.errors is not None
    errors = one.scores.errors.minus(other.scores.errors) if known else (None, None)
    return Difference(one.told.name, other.told.name, *loss, None if errors[0] is None else -errors[0], errors[1])


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
