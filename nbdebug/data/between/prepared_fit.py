"""What was worked out anew on val: its own mean and deviation, its own lowest and highest value, its own number for what is missing.

Each leaves a mark that no chance makes: columns whose mean is 0 and whose deviation is 1 to the last digit, as those of train are; ends that lie at
exactly 0 and 1; one number that fills many rows, and is another than in train.
"""

from __future__ import annotations

import numpy

from nbdebug.data.between.found import Preparation
from nbdebug.data.between.vectors import table
from nbdebug.data.split import FieldData

FEWEST = 24  # samples of either side
EXACT = 2e-5  # of a deviation: what single precision leaves of a mean taken off; a mean of train's leaves 1 / sqrt(n)
LEAST = 2  # columns; our choice
CONTINUOUS = 0.3  # different values a row, from which a column is measured and not counted
FILLED = 0.08  # share of rows with one and the same number, in both; our choice
ALIKE = 2.0  # times as often in the one as in the other, at most
ABSENT = 0.2  # of that share, that the number of the one may have in the other


def prepared_fit(train: FieldData, val: FieldData) -> list[Preparation]:
    """What was fitted to val itself; empty where nothing was, or where rows and not columns were standardised."""
    if train.kind != "tabular" or val.kind != "tabular" or "float" not in train.dtype:
        return []
    one, other = table(train), table(val)
    if one is None or other is None or one.shape[1] != other.shape[1] or min(len(one), len(other)) < FEWEST:
        return []
    names = train.axis_names if len(train.axis_names) == one.shape[1] else tuple(f"column {i}" for i in range(one.shape[1]))
    return _by_itself(train.name, names, one, other) or _filled(train.name, names, one, other)


def _by_itself(field: str, names: tuple[str, ...], one: numpy.ndarray, other: numpy.ndarray) -> list[Preparation]:
    chosen = [i for i in range(one.shape[1]) if _continuous(one[:, i]) and _continuous(other[:, i])]
    if len(chosen) < LEAST:
        return []
    said = ", ".join(names[i] for i in chosen[:3]) + (", …" if len(chosen) > 3 else "")
    for marks, how in ((_is_standardised, "mean 0 and deviation 1"), (_is_scaled, "lowest value 0 and highest value 1")):
        if all(marks(part[:, i]) for part in (one, other) for i in chosen) and not any(_in_groups(part[:, chosen]) for part in (one, other)):
            rule = f"val was scaled by its own numbers, and not by train's: {said} have {how} to the last digit, in train and once more in val"
            return [Preparation(field, (), rule, None, None, None, True)]
    return []


def _continuous(values: numpy.ndarray) -> bool:
    return bool(numpy.isfinite(values).all()) and len(numpy.unique(values)) >= CONTINUOUS * len(values)


def _is_standardised(values: numpy.ndarray) -> bool:
    off = 1 / len(values)  # n or n - 1 in the deviation
    return abs(values.mean()) <= EXACT and abs(values.std() - 1) <= max(off, 1e-4) and (abs(values.std() - 1) <= 1e-4 or abs(values.std(ddof=1) - 1) <= 1e-4)


def _in_groups(rows: numpy.ndarray) -> bool:
    """Whether rows up to some point are standardised, too: subjects or recordings of which each was taken by itself on purpose."""
    sums = numpy.abs(numpy.cumsum(rows, 0)).max(1)[FEWEST:-FEWEST]
    return bool((sums <= EXACT * len(rows)).any())


def _is_scaled(values: numpy.ndarray) -> bool:
    return abs(values.min()) <= 1e-6 and abs(values.max() - 1) <= 1e-6 and (values == values.max()).sum() == 1 == (values == values.min()).sum()


def _filled(field: str, names: tuple[str, ...], one: numpy.ndarray, other: numpy.ndarray) -> list[Preparation]:
    """Columns of which many rows hold one number, which is another in val than in train."""
    found = []
    for i in range(one.shape[1]):
        a, b = _frequent(one[:, i]), _frequent(other[:, i])
        if a is None or b is None or a[0] == b[0] or not 1 / ALIKE <= a[1] / b[1] <= ALIKE:
            continue
        near = 1e-6 * max(numpy.ptp(one[:, i]), 1e-12)
        if abs(a[0] - b[0]) > near and (other[:, i] == a[0]).mean() <= ABSENT * b[1] and (one[:, i] == b[0]).mean() <= ABSENT * a[1]:
            found.append((i, a, b))
    if len(found) < min(LEAST, one.shape[1]):
        return []
    i, a, b = found[0]
    rule = f"missing values seem to be filled with other numbers: {names[i]} is {a[0]:.4g} in {a[1]:.0%} of train's rows, and {b[0]:.4g} in {b[1]:.0%} of val's"
    return [Preparation(field, tuple(names[i] for i, _, _ in found), rule, None, None, None, True)]


def _frequent(values: numpy.ndarray) -> tuple[float, float] | None:
    """The one number that fills many rows of a column that is measured otherwise, and its share."""
    different, counts = numpy.unique(values[numpy.isfinite(values)], return_counts=True)
    if not len(counts):
        return None
    best, rest = int(counts.argmax()), len(values) - int(counts.max())
    share = counts[best] / len(values)
    return (float(different[best]), float(share)) if share >= FILLED and len(different) - 1 >= max(10, CONTINUOUS * rest) else None
