"""Divergence and oscillation: the training loss runs away, or is thrown back again and again."""

from __future__ import annotations

import math
from statistics import fmean, pstdev

from nbdebug import curve_shapes
from nbdebug.curve_shapes import Excursion
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING
from nbdebug.instruments.fit.diagnosing.curves import Curves, Line, written
from nbdebug.instruments.fit.result import Diagnosis

POINTS = 30  # for spikes, which are told from the best level of ten points before; our choice
FEWEST = 5  # for a loss that runs away at once
AWAY = 10.0  # times the first level; our choice: no noise and no restart does that
BACK_AT_START = 0.9  # of the first level, from which on what was learnt is gone; our choice: a new task that is learnt stays below
LOST = 3  # values at the end that are no number, before it is more than a bad last batch
MOST_OFTEN = 3  # times thrown back, from which on it is a habit; our choice
REGULAR = 0.15  # spread of the distances between excursions over their mean, below which a schedule made them; our choice
RANGE = 100.0  # times which a learning rate is raised in a range test
ZIGZAG = -0.4  # correlation of a step's deviation with the next one's; our choice: white noise stays within ±0.25 over 60 points
ZIGZAG_POINTS = 60
VISIBLE = 0.02  # of the level that the zigzag must be


def divergence(curves: Curves) -> Diagnosis | None:
    """Not finite to its end; or it left its best level for good, to where it began and above."""
    lost = _lost(curves)
    if lost is not None:
        return lost
    training = curves.demand(FEWEST)
    _demand_no_range_test(curves)
    values, begin = training.values, curve_shapes.begin(training.values)
    finish = curve_shapes.end(values)
    thrown = _thrown_back(curves) if len(values) >= POINTS else []
    if thrown and curve_shapes.is_for_good(thrown[-1], values):
        worst = thrown[-1]
        over = finish >= BACK_AT_START * begin and not curve_shapes.fell(values[worst.first :])
        return _left(curves, training.steps[worst.first], worst.before, finish, WARNING if over else INFO)
    if begin > 0 and finish >= AWAY * begin and curve_shapes.agreement(values) >= curve_shapes.AGREES:
        return _left(curves, training.steps[min(range(len(values)), key=values.__getitem__)], min(values), finish, WARNING)
    return None


def oscillation(curves: Curves) -> Diagnosis | None:
    """Thrown back several times without a rate that rose; or up and down with every step."""
    training = curves.demand(POINTS)
    _demand_no_range_test(curves)
    thrown = [excursion for excursion in _thrown_back(curves) if excursion.returned]
    if len(thrown) >= 2:
        return _thrown(curves, thrown)
    return _zigzag(curves) if len(training) >= ZIGZAG_POINTS else None


def _thrown_back(curves: Curves) -> list[Excursion]:
    """Each time it was, without a learning rate that rose."""
    return [e for e in curve_shapes.thrown_back(curves.training.values) if not _rate_rose(curves, e)]


def _lost(curves: Curves) -> Diagnosis | None:
    raw = curves.raw
    since = curve_shapes.lost_since(raw.values) if raw is not None else None
    if raw is None or since is None:
        return None
    count = len(raw.values) - since
    return Diagnosis(
        "divergence", "ND706", ERROR if count >= LOST else INFO, raw.steps[since], raw.steps[-1], 1.0, raw.name,
        f"{raw.name} is not finite from {curves.x} {written(raw.steps[since])} to the end ({written(raw.steps[-1])})",
        "a bad batch, or too high a learning rate? repeat those steps with a tenth of the learning rate: if the same step fails, look at its "
        "batch (%%nbdebug find_nan over the cell names the line)",
        {"since": raw.steps[since], "values": count},
    )  # fmt: skip


def _left(curves: Curves, first: float, best: float, finish: float, severity: object) -> Diagnosis:
    training = curves.training
    return Diagnosis(
        "divergence", "ND706", severity, first, training.steps[-1], 0.0, training.name,  # type: ignore[arg-type]
        f"{training.name} had come to {best:.3g}, left it at {curves.x} {written(first)} and ended at {finish:.3g}, where it began at "
        f"{curve_shapes.begin(training.values):.3g}",
        f"too high a learning rate, or a bad batch? go on from the weights before {curves.x} {written(first)} with a third of the learning rate: if "
        "it stays low, it was the rate; if it is thrown up again, look at the batches there",
        {"best": best, "last": finish, "since": first},
    )  # fmt: skip


def _thrown(curves: Curves, thrown: list[Excursion]) -> Diagnosis:
    training, worst = curves.training, max(thrown, key=lambda e: e.top / max(e.before, 1e-300))
    spans = ", ".join(f"{written(training.steps[e.first])} to {written(training.steps[e.last])}" for e in thrown[:4])
    sure = len(thrown) >= MOST_OFTEN and bool(curves.rate) and not _is_regular(thrown)
    return Diagnosis(
        "oscillation", "ND706", WARNING if sure else INFO, training.steps[thrown[0].first], training.steps[thrown[-1].last], 0.0, training.name,
        f"{training.name} was thrown back {len(thrown)} times ({curves.x} {spans}{' …' if len(thrown) > 4 else ''}), at most from "
        f"{worst.before:.3g} to {worst.top:.3g}" + ("" if curves.rate else "; a learning rate that restarts would do that, and none was logged"),
        "too high a learning rate, or hard batches? shuffle with another seed: if the spikes stay at the same steps it is the schedule, if they stay with "
        "the same samples it is the data, else lower the rate or clip the gradient norm",
        {"times": len(thrown), "from": worst.before, "to": worst.top},
    )  # fmt: skip


def _zigzag(curves: Curves) -> Diagnosis | None:
    """Each step undoes the one before: descent that steps over a narrow valley."""
    line = curves.training
    values = line.values[len(line) // 4 :]
    level = curve_shapes.smooth(values, 21)
    size = max(map(abs, values)) or 1.0
    away = [(value - middle) / size for value, middle in zip(values, level, strict=True)]
    total = sum(a * a for a in away)
    together = sum(a * b for a, b in zip(away, away[1:], strict=False)) / total if total else 0.0
    size *= math.sqrt(total / len(away))
    if together > ZIGZAG or size < VISIBLE * abs(curve_shapes.middle(values)):
        return None
    return Diagnosis(
        "oscillation", "ND706", INFO, line.steps[len(line) // 4], line.steps[-1], 0.0, line.name,
        f"{line.name} goes up and down with every point, by {size:.2g} around {curve_shapes.middle(values):.3g} (correlation of neighbours {together:.2f})",
        "stepping over a valley, or batches that alternate? halve the learning rate for one epoch: if the zigzag shrinks, it was the rate",
        {"correlation": together, "size": size},
    )  # fmt: skip


def _is_regular(thrown: list[Excursion]) -> bool:
    apart = [b.first - a.first for a, b in zip(thrown, thrown[1:], strict=False)]
    return len(apart) >= 2 and pstdev(apart) < REGULAR * fmean(apart)


def _rate_rose(curves: Curves, excursion: Excursion) -> bool:
    steps, reach = curves.training.steps, max(5, len(curves.training) // 15)
    return curves.rate_rose(steps[max(0, excursion.first - reach)], steps[min(len(steps) - 1, excursion.first + 2)])


def _demand_no_range_test(curves: Curves) -> None:
    """Raises NotChecked where the rate was raised exponentially, to the end: a learning-rate finder."""
    rates: Line = curves.rate
    known = [rate for rate in rates.values if rate > 0]
    if len(set(known)) < 20 or known != sorted(known) or known[-1] < RANGE * known[0]:
        return
    half = math.log(known[len(known) // 2] / known[0]) / math.log(known[-1] / known[0])
    if abs(half - 0.5) < 0.1:
        raise NotChecked("because the learning rate was raised on purpose until it was too high")
