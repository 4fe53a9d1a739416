"""Columns with a long tail, or a few values far out: a transform, or limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled, alike, matrix
from nbdebug.data.split import QUANTILES

SKEWED = 2.0  # an exponential distribution has 2
MAGNITUDES = 50.0  # largest value over the median; our choice: no column of wine, iris, breast cancer or diabetes comes to 25
EVEN = 1.0  # skew that a transform must come below, and to half of what it was
FAR = 5.0  # a value lies out as far as this many times the range of the middle 98 %; our choice, breast cancer comes to 2.3
TUKEY = 3.0  # interquartile ranges to the outer fence. Tukey, Exploratory Data Analysis (1977)
MOST_CLIPPED = 0.03  # of a column's values
LISTED = 8  # columns that a piece of code names
FEWEST = 50  # sampled rows


def spreading(sampled: Sampled) -> Iterator[Draft]:
    """A transform for skewed columns, limits for those with a few values far out."""
    field = sampled.field
    if field is None or field.kind != "tabular" or field.columns is None or len(sampled.train.ids) < FEWEST or numpy.ndim(field.sample) != 2:
        return
    chosen = {place: found for place in range(len(field.columns.names)) if (found := _transform(sampled, place)) is not None and place not in sampled.gone}
    if chosen:
        yield _transforming(sampled, dict(list(chosen.items())[:LISTED]))
    stand_ins = _stand_ins(sampled)
    limits = {place: found for place in range(len(field.columns.names)) if place not in chosen and place not in stand_ins and (found := _limits(sampled, place)) is not None}
    if limits:
        yield _clipping(sampled, dict(list(limits.items())[:LISTED]))


def _stand_ins(sampled: Sampled) -> set[int]:
    """Columns in which a number stands for missing ones: it is to be replaced, not clipped."""
    look, names = sampled.answers.get("features"), sampled.field.axis_names
    found = [c.name for c in (look.looks if look is not None else ()) if c.sentinel is not None and c.field == sampled.field.name]
    return {names.index(name) for name in found if name in names}


def skew_of(values: numpy.ndarray) -> float:
    """Third standardised moment of the finite values."""
    values = values[numpy.isfinite(values)]
    deviation = values - values.mean()
    spread = deviation.std()
    return float((deviation**3).mean() / spread**3) if spread > 0 else 0.0


@dataclass(frozen=True)
class Bend:
    """A transform of one column; `code` is written of {x}, with {m} for numpy or torch."""

    code: str
    before: float  # skewness
    after: float


def _transform(sampled: Sampled, place: int) -> Bend | None:
    """The simplest transform that takes the skew away; None where the column asks for none, or none does."""
    columns, values = sampled.field.columns, sampled.field.sample[:, place]
    values = values[numpy.isfinite(values)]
    low, high, median = columns.low[place], columns.high[place], columns.quantiles[place][QUANTILES.index(0.5)]
    lowest = min(low, sampled.val_field.columns.low[place]) if sampled.val_field is not None else low
    if columns.distinct[place] < FEWEST or not lowest >= 0 or not (columns.skew[place] > SKEWED and high > MAGNITUDES * median):
        return None
    before = skew_of(values)
    for code, bent in _bends(values, lowest):
        after = skew_of(bent)
        if abs(after) < min(EVEN, abs(before) / 2):
            return Bend(code, before, after)
    return None


def _bends(values: numpy.ndarray, lowest: float) -> Iterator[tuple[str, numpy.ndarray]]:
    """How it is written, and what becomes of the values. Box and Cox, An analysis of transformations (1964)."""
    if lowest <= 0:
        yield "{m}.log1p({x})", numpy.log1p(values)
        yield "{m}.sqrt({x})", numpy.sqrt(values)
        return
    from scipy.stats import boxcox

    yield "{m}.log({x})", numpy.log(values)
    power = float(f"{boxcox(values)[1]:.3g}")
    yield f"({{x}} ** {power} - 1) / {power}", (values**power - 1) / power if power else numpy.log(values)


def _transforming(sampled: Sampled, chosen: dict[int, Bend]) -> Draft:
    names = sampled.columns()
    lines = [sampled.stated, "import numpy as np"] if sampled.is_table else [sampled.stated, "import torch", _cloned(sampled)]
    for code in dict.fromkeys(bend.code for bend in chosen.values()):
        columns = [names[place] for place, bend in chosen.items() if bend.code == code]
        for name in sampled.listed("df" if sampled.is_table else "inputs").split(", "):
            x = f"{name}[{columns!r}]" if sampled.is_table else f"{name}[:, {columns!r}]"
            bent = code.format(x=x, m="np" if sampled.is_table else "torch")
            lines.append(f"{name} = {name}.assign(**{bent if bent.startswith('np.') else f'({bent})'})" if sampled.is_table and _worded(columns) else f"{x} = {bent}")
    told = [f"{sampled.field.columns.names[place]} has a skew of {bend.before:.1f}" for place, bend in chosen.items()]
    why = "; ".join(told[:3]) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")
    columns = tuple(names[place] for place in chosen)

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        a, b = matrix(before, "train", columns), matrix(after, "train", columns)
        skews = [(skew_of(a[:, i]), skew_of(b[:, i])) for i in range(len(columns))]
        if not all(abs(now) < min(EVEN, abs(was) / 2) for was, now in skews):
            return ""
        if any((numpy.isfinite(matrix(before, word, columns)) & ~numpy.isfinite(matrix(after, word, columns))).any() for word in sampled.words):
            return ""
        return "skew " + ", ".join(f"{was:.1f} → {now:.1f}" for was, now in skews[:4]) + f" on {len(a):,} sampled rows"

    return Draft("a transform for skewed columns", why, "\n".join(lines), sampled.names, verify, optional=True)


def _limits(sampled: Sampled, place: int) -> tuple[float, float] | None:
    """Where to cut, 4 digits; None where nothing lies far out."""
    columns = sampled.field.columns
    q1, q25, q75, q99 = (columns.quantiles[place][QUANTILES.index(q)] for q in (0.01, 0.25, 0.75, 0.99))
    middle = q99 - q1
    if not middle > 0 or columns.distinct[place] < FEWEST:
        return None
    if not max(columns.high[place] - q99, q1 - columns.low[place]) > FAR * middle:
        return None
    low, high = q25 - TUKEY * (q75 - q25), q75 + TUKEY * (q75 - q25)
    values = sampled.field.sample[:, place]
    values = values[numpy.isfinite(values)]
    if ((values < low) | (values > high)).mean() > MOST_CLIPPED:
        low, high = q1, q99
    return float(f"{low:.4g}"), float(f"{high:.4g}")


def _clipping(sampled: Sampled, limits: dict[int, tuple[float, float]]) -> Draft:
    names, found = sampled.columns(), sampled.field.columns
    columns = tuple(names[place] for place in limits)
    low, high = (dict(zip(columns, side, strict=True)) for side in zip(*limits.values(), strict=True))
    lines = [sampled.stated]
    if sampled.is_table:
        lines += ["import pandas as pd", f"low, high = pd.Series({low}), pd.Series({high})  # of train only"]
        for name in sampled.listed("df").split(", "):
            cut = f"{name}[low.index].clip(low, high, axis=1)"
            lines += [f"{name} = {name}.assign(**{cut})" if _worded(columns) else f"{name}[low.index] = {cut}"]
    else:
        lines += ["import torch", _cloned(sampled), f"low, high = torch.tensor({list(low.values())}), torch.tensor({list(high.values())})  # of train only"]
        lines += [f"{name}[:, {list(columns)}] = {name}[:, {list(columns)}].clamp(low, high)" for name in sampled.listed("inputs").split(", ")]
    place = max(limits, key=lambda p: max(found.high[p] - limits[p][1], limits[p][0] - found.low[p]) / (limits[p][1] - limits[p][0]))
    q1, q99 = (found.quantiles[place][QUANTILES.index(q)] for q in (0.01, 0.99))
    why = f"{found.names[place]} lies in {found.low[place]:.4g}..{found.high[place]:.4g}, 98 % of it in {q1:.4g}..{q99:.4g}"
    return Draft("clip what lies far out", why, "\n".join(lines), sampled.names, lambda a, b: _clipped(columns, limits, a, b))


def _clipped(columns: tuple[Any, ...], limits: dict[int, tuple[float, float]], before: dict[str, Any], after: dict[str, Any]) -> str:
    a, b = matrix(before, "train", columns), matrix(after, "train", columns)
    low, high = numpy.array(list(limits.values())).T
    moved = (a < low) | (a > high)
    slack = 1e-5 * (high - low)
    outside = (b < low - slack) | (b > high + slack)
    if outside.any() or moved.mean(0).max() > MOST_CLIPPED or not alike(a[~moved], b[~moved]):
        return ""
    return f"{moved.sum():,} of {a.size:,} sampled values moved ({moved.mean():.2%}), none outside the limits, all others as they were"


def _cloned(sampled: Sampled) -> str:
    return f"{sampled.listed('inputs')} = {sampled.listed('inputs').replace('inputs', 'inputs.clone()')}"


def _worded(columns: Any) -> bool:
    return all(isinstance(name, str) for name in columns)
