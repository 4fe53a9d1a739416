"""The transform that a skewed column asks for, tried on its sampled rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from nbdebug.data.features.columns import ColumnLook
from nbdebug.data.features.matrix import NUMBER, Matrix

SKEWED = 2.0  # absolute skewness of the bulk; an exponential distribution has 2
TAILS = 0.005  # of the values, on each side, that count for nothing: a few mistakes there make any column look skewed; our choice
HALVED = 0.5  # of the skewness that a transform must take away to be advised; our choice
FEWEST = 50  # rows
VARIED = 10  # different values
TRIED = 12  # columns, the most skewed first
ROWS = 4000
STEEPEST = 5.0  # power that is still advised: beyond it, new values lie beside each other
SYMMETRIC = 0.25  # absolute skewness, at which no better transform is looked for
BINS = 24
NAMED = {  # name → how it is written
    "log": "numpy.log(x)", "log1p": "numpy.log1p(x)", "sqrt": "numpy.sqrt(x)",
    "box-cox": "scipy.stats.boxcox(x, {0:.3g})", "yeo-johnson": "scipy.stats.yeojohnson(x, {0:.3g})",
}  # fmt: skip


@dataclass(frozen=True)
class Transform:
    """What becomes of one column."""

    place: str  # "table, age"
    name: str  # a key of NAMED
    code: str  # how it is written, of x
    before: float  # skewness
    after: float
    edges: tuple[float, ...]  # (B + 1,) of the values as they are
    counts: tuple[int, ...]
    new_edges: tuple[float, ...]  # of the transformed ones
    new_counts: tuple[int, ...]


def transforms(table: Matrix, looks: tuple[ColumnLook, ...]) -> tuple[Transform, ...]:
    """For the skewed columns of numbers: the simplest transform that takes most of the skewness away."""
    known = {(look.field, look.name): look.sentinel for look in looks if look.skew is not None and not look.running}
    skewed = {}
    for c in range(table.width):
        key = table.fields[c], table.names[c]
        if table.kinds[c] == NUMBER and key in known:
            values = bulk(table.values[:, c], known[key].value if known[key] is not None else None)
            if len(values) >= FEWEST and abs(skewness(values)) > SKEWED:
                skewed[c] = values
    worst = sorted(skewed, key=lambda c: -abs(skewness(skewed[c])))[:TRIED]
    found = (_tried(table.place(c), skewed[c]) for c in worst)
    return tuple(transform for transform in found if transform is not None)


def bulk(values: numpy.ndarray, stand_in: float | None = None) -> numpy.ndarray:
    """The finite values without a stand-in for missing ones, and without the outermost half percent on each side."""
    values = values[numpy.isfinite(values)]
    values = values if stand_in is None else values[values != stand_in]
    if not len(values):
        return values
    low, high = numpy.quantile(values, (TAILS, 1 - TAILS))
    return values[(values >= low) & (values <= high)]


def skewness(values: numpy.ndarray) -> float:
    """Third standardised moment; 0 for a constant."""
    deviation = values - values.mean()
    scale = values.std()
    return float((deviation**3).mean() / scale**3) if scale > 0 else 0.0


def _tried(place: str, values: numpy.ndarray) -> Transform | None:
    if len(numpy.unique(values)) < VARIED:
        return None
    before = skewness(values)
    values = values[:: -(-len(values) // ROWS)]
    tried = [(name, code, new, skewness(new)) for name, code, new in _simple(values)]
    if not tried or min(abs(after) for *_, after in tried) > SYMMETRIC:
        tried += [(name, code, new, skewness(new)) for name, code, new in _fitted(values) if numpy.isfinite(new).all()]
    if not tried or abs(before) <= SKEWED:
        return None
    least = min(abs(after) for *_, after in tried)
    if least > HALVED * abs(before):
        return None
    name, code, new, after = next(t for t in tried if abs(t[3]) <= least + 0.25)  # the simple ones come first
    counts, edges = numpy.histogram(values, BINS)
    new_counts, new_edges = numpy.histogram(new, BINS)
    return Transform(
        place, name, code, before, after, tuple(edges.tolist()), tuple(counts.tolist()), tuple(new_edges.tolist()), tuple(new_counts.tolist())
    )


def _simple(values: numpy.ndarray) -> list[tuple[str, str, numpy.ndarray]]:
    found = [("log", NAMED["log"], numpy.log(values))] if values.min() > 0 else []
    if values.min() >= 0:
        found += [("log1p", NAMED["log1p"], numpy.log1p(values)), ("sqrt", NAMED["sqrt"], numpy.sqrt(values))]
    return found


def _fitted(values: numpy.ndarray) -> list[tuple[str, str, numpy.ndarray]]:
    """The power that makes the values most like a normal distribution. Box and Cox (1964); Yeo and Johnson (2000)."""
    from scipy import stats

    name, function = ("box-cox", stats.boxcox) if values.min() > 0 else ("yeo-johnson", stats.yeojohnson)
    try:
        with numpy.errstate(all="ignore"):
            new, power = function(values)
    except (ValueError, FloatingPointError, RuntimeError):  # the search for the best power can fail at extreme values
        return []
    return [(name, NAMED[name].format(float(power)), new)] if abs(power) <= STEEPEST else []
