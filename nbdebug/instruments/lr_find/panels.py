"""What was found in a sentence, the sweep, the short trainings, the groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from nbdebug.instruments.lr_find.result import LrFind, Sweep, Trial
from nbdebug.page import Curve, Note, Panel, Table

ABOVE = 0.4  # of the descent, that is drawn above the start


def panels(result: LrFind) -> tuple[Panel, ...]:
    drawn: list[Panel] = [Note("learning rate", sentence(result))]
    if result.sweeps:
        drawn.append(_sweeps(result))
    if result.trials:
        drawn.append(_trials(result))
    return (*drawn, _groups(result)) if result.per_group else tuple(drawn)


def sentence(result: LrFind) -> str:
    """The suggestion with its band and what it rests on, or the reason why there is none."""
    if result.suggestion is None:
        return f"No suggestion: {result.reason}."
    repeats = len({trial.repeat for trial in result.trials})
    best = _nearest(result.trials, result.suggestion)
    said = (
        f"{result.suggestion:.2g} (band {result.low:.2g} to {result.high:.2g}, {_counted(repeats, 'repeat')}). "
        f"{best.steps} updates at it bring the loss from {best.still:.3g} to {best.loss:.3g}"
    )
    own = next((trial for trial in result.own if trial.repeat == best.repeat), None)
    if own is not None:
        said += f"; at yours, {own.rate:.2g}, " + (f"to {own.loss:.3g}" if own.loss is not None else own.said)
    return ". ".join([said, *result.limits]) + "."


def _sweeps(result: LrFind) -> Curve:
    """The mean over the repeats, their spread, and each landmark as an upright line. Cut where it soars: that would flatten the rest."""
    longest = max(result.sweeps, key=lambda sweep: len(sweep.rates))
    columns = [[_height(sweep, i) for sweep in result.sweeps if i < len(sweep.rates)] for i in range(len(longest.rates))]
    means = [_over(column, lambda held: math.fsum(held) / len(held)) for column in columns]
    bottom = _over([v for column in columns for v in column], min)
    top = means[0] + max(ABOVE * (means[0] - bottom), max(v for v in columns[0]) - means[0])
    end = next((i for i, mean in enumerate(means) if mean > top), len(means))
    means, columns = means[:end], columns[:end]
    low, high = tuple(_over(column, min) for column in columns), tuple(min(top, _over(column, max)) for column in columns)
    upright = (bottom, (bottom + top) / 2, top)
    stops = sorted({sweep.stopped for sweep in result.sweeps if sweep.stopped})
    return Curve(
        "the sweep",
        {"loss": tuple(means), **{name: upright for name, _ in _landmarks(result)}},
        x=longest.rates[:end],
        x_label="learning rate",
        y_label="loss",
        caption="smoothed, against the same batches with the weights as they are" + (f"; ended because {stops[0]}" if stops else ""),
        own_x={name: (rate,) * 3 for name, rate in _landmarks(result)},
        spread={"loss": (low, high)} if len(result.sweeps) > 1 else {},
    )


def _height(sweep: Sweep, i: int) -> float:
    """The smoothed loss, as it would be on batches of the mean difficulty; not below the lowest loss that there was."""
    height = sweep.start + sweep.excess[i]
    return max(height, min(filter(math.isfinite, sweep.losses))) if math.isfinite(height) else height


def _over(values: Sequence[float], take: Callable[[list[float]], float]) -> float:
    finite = [v for v in values if math.isfinite(v)]
    return take(finite) if finite else math.nan


def _landmarks(result: LrFind) -> list[tuple[str, float]]:
    marks = [("suggestion", result.suggestion), ("yours", result.rate), ("diverges from", result.diverges_from)]
    rates = [rate for sweep in result.sweeps for rate in sweep.rates]
    return [(f"{name} {rate:.2g}", rate) for name, rate in marks if rate is not None and min(rates) <= rate <= max(rates)]


def _trials(result: LrFind) -> Curve:
    """What each rate reached, a line a repeat."""
    series: dict[str, tuple[float, ...]] = {}
    places: dict[str, tuple[float, ...]] = {}
    for repeat in sorted({trial.repeat for trial in result.trials}):
        tried = sorted((t for t in result.trials if t.repeat == repeat and t.loss is not None), key=lambda t: t.rate)
        if tried:
            name = f"repeat {repeat + 1}"
            series[name], places[name] = tuple(t.loss for t in tried), tuple(t.rate for t in tried)
    diverged = sorted({t.rate for t in result.trials if t.loss is None})
    steps = max(trial.steps for trial in result.trials)
    said = f"mean loss of the last third of {steps} updates at one rate, from the weights as they are"
    if diverged:
        said += f"; diverged at {', '.join(f'{rate:.2g}' for rate in diverged)}"
    return Curve("short trainings", series, x_label="learning rate", y_label="loss", caption=said, own_x=places)


def _groups(result: LrFind) -> Table:
    scheduled = any(group.peak != group.rate for group in result.per_group)
    columns = ("optimizer", "group", "parameters", "now", *(("top of schedule",) if scheduled else ()), "suggested")
    rows = tuple(
        (g.optimizer, g.group, g.parameters, g.rate, *((g.peak,) if scheduled else ()), _rounded(g.suggestion)) for g in result.per_group
    )
    return Table("groups", columns, rows, "groups keep the ratio of their rates" if len(rows) > 1 else "")


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else float(f"{rate:.2g}")


def _nearest(trials: Sequence[Trial], rate: float) -> Trial:
    return min((t for t in trials if t.loss is not None), key=lambda t: (abs(math.log(t.rate / rate)), t.repeat))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
