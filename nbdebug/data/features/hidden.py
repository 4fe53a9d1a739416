"""What a column knows of the target, and hides: beside a number that stands for a missing one, or under a long tail of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from nbdebug.data.features.columns import ColumnLook
from nbdebug.data.features.matrix import NUMBER, Goal, Matrix
from nbdebug.data.features.outliers import ABOVE_ALL, OFTEN, RARELY, VARIED, WIDE

FEWEST = 100  # rows
NEAREST, LEAST = 0.1, 20  # share of the other rows, and how many of them, that lie nearest to the number
CLEARLY = 4.0  # standard errors
LIKE_ALL = 0.35  # of the way from all rows to the nearest ones, within which rows are like all; our choice
SQUEEZED = 0.3  # half of the values beside a standard deviation: of a bell 1.35, of an exponential 1.1, of a lognormal of sigma 1.5 about 0.3
ONE_VALUE = 0.1  # of the rows: more of one value, and the column is mostly a flag
TELLS, HALF = 0.1, 0.5  # of the target, that ranks must tell, and of that, which values may; our choice
ORDERED, RIDGE = 0.3, 1e-2  # of the order of the targets, that a linear rule must tell; our choice
CORRELATED = 50.0  # n r², which chance reaches once in 10^12


@dataclass(frozen=True)
class Hidden:
    """A column that knows of the target what its numbers hardly show."""

    field: str
    column: str
    rows: int
    value: float | None = None  # that stands for a missing one; None: the tail is it
    count: int = 0  # rows that have it
    ids: tuple[int, ...] = ()
    off: float = 0.0  # how far from all others, in their ranges
    squeezed: float = 0.0  # half of the values lie in so many standard deviations
    by_rank: float = 0.0  # R² of the target on the ranks
    by_value: float = 0.0  # and on the values


def hidden(table: Matrix, goal: Goal, rows: numpy.ndarray, looks: tuple[ColumnLook, ...], ids: numpy.ndarray) -> tuple[Hidden, ...]:
    """The columns of numbers that hide what they know; those with a stand-in that is certain are told elsewhere.

    Args:
        rows: (n,) with a target.
        ids: (K,) the samples that all rows are of.
    """
    if len(rows) < FEWEST:
        return ()
    answers = answers_of(goal, rows)
    told = {(look.field, look.name) for look in looks if look.sentinel is not None and look.sentinel.certain}
    found = []
    for column in range(table.width):
        key = table.fields[column], table.names[column]
        values = table.values[rows, column]
        if table.kinds[column] == NUMBER and key not in told and numpy.isfinite(values).all():
            found += list(_stand_in(*key, values, answers, ids[rows])) or list(_squeezed(*key, values, answers))
    return tuple(found)


def squeezed_target(table: Matrix, goal: Goal, rows: numpy.ndarray) -> Hidden | None:
    """Targets that a long tail squeezes, so that a rule of the inputs tells their order and hardly their size; None where it does, or tells neither."""
    values = goal.values[rows]
    numbers = [column for column in range(table.width) if numpy.isfinite(table.values[rows, column]).all() and table.values[rows, column].std() > 0]
    if goal.classes or len(rows) < FEWEST or not 0 < len(numbers) <= len(rows) // 4 or not values.std() > 0:
        return None
    low, high = numpy.quantile(values, (0.25, 0.75))
    furthest = values[abs(values - numpy.median(values)).argmax()]
    if not 0 < high - low < SQUEEZED * values.std() or (values == furthest).sum() >= OFTEN:  # a tail thins out; a number at its end stands for a missing one
        return None
    inputs = table.values[rows][:, numbers]
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    ranks = values.argsort(kind="stable").argsort(kind="stable").astype(float)
    by_rank, by_value = (_told(inputs, standardised(y)) for y in (ranks, values))
    if by_rank < max(ORDERED, CORRELATED / len(values)) or by_value > HALF * by_rank:
        return None
    return Hidden(goal.field, "", len(values), squeezed=float((high - low) / values.std()), by_rank=by_rank, by_value=by_value)


def _told(inputs: numpy.ndarray, answers: numpy.ndarray) -> float:
    """R², squared correlation of guess and answer, of a linear rule in the half of the rows that it was not made of."""
    order = numpy.random.default_rng(0).permutation(len(inputs))
    known, asked = order[::2], order[1::2]
    inside = inputs[known].T @ inputs[known] + RIDGE * len(known) * numpy.eye(inputs.shape[1])
    guess = inputs[asked] @ numpy.linalg.solve(inside, inputs[known].T @ answers[known])
    return float(numpy.corrcoef(guess, answers[asked])[0, 1] ** 2) if guess.std() > 0 else 0.0


def answers_of(goal: Goal, rows: numpy.ndarray) -> numpy.ndarray:
    """(n, C) the quantity, or a 1 for the class, standardised."""
    values = goal.values[rows]
    wide = values[:, None].astype(float) if not goal.classes else (values[:, None] == numpy.unique(values)[None]).astype(float)
    spread = wide.std(0)
    return (wide - wide.mean(0))[:, spread > 0] / spread[spread > 0]


def _stand_in(field: str, column: str, values: numpy.ndarray, answers: numpy.ndarray, ids: numpy.ndarray) -> Iterator[Hidden]:
    """A number at one end that many rows have, far from all others, whose rows are like all rows and not like those that lie nearest to them."""
    levels, counts = numpy.unique(values, return_counts=True)
    top = int(counts.argmax())
    count, rest = int(counts[top]), len(values) - int(counts[top])
    if len(levels) <= VARIED or top not in (0, len(levels) - 1) or not max(OFTEN, RARELY * len(values)) <= count < rest or rest < FEWEST:
        return
    others = numpy.delete(levels, top)
    off = float(abs(others - levels[top]).min() / numpy.ptp(others))
    if off < WIDE or count < ABOVE_ALL * int(numpy.delete(counts, top).max()):
        return
    inside = values == levels[top]
    far = abs(values[~inside] - levels[top])
    near = answers[~inside][far <= numpy.partition(far, max(LEAST, round(NEAREST * rest)) - 1)[max(LEAST, round(NEAREST * rest)) - 1]]
    of_all, of_near, of_these = answers[~inside].mean(0), near.mean(0), answers[inside].mean(0)
    best = int(abs(of_near - of_all).argmax())
    way, error = of_near[best] - of_all[best], numpy.sqrt(answers[~inside, best].var() / count + near[:, best].var() / len(near))
    if abs(of_near[best] - of_these[best]) >= CLEARLY * error and abs(of_these - of_all).max() <= LIKE_ALL * abs(way):
        yield Hidden(field, column, len(values), float(levels[top]), count, tuple(map(int, ids[inside][:24])), off)


def _squeezed(field: str, column: str, values: numpy.ndarray, answers: numpy.ndarray) -> Iterator[Hidden]:
    """Values of which half lie in a small part of a standard deviation, so that their order tells of the target what they themselves hardly do."""
    spread = values.std()
    low, high = numpy.quantile(values, (0.25, 0.75))
    if not spread > 0 or not 0 < high - low < SQUEEZED * spread or numpy.unique(values, return_counts=True)[1].max() > ONE_VALUE * len(values):
        return
    ranks = values.argsort(kind="stable").argsort(kind="stable").astype(float)
    by_rank, by_value = (((standardised(x) @ answers) / len(values)) ** 2 for x in (ranks, values))
    best = int(by_rank.argmax())
    if by_rank[best] >= max(TELLS, CORRELATED / len(values)) and by_value[best] <= HALF * by_rank[best]:
        share = float((high - low) / spread)
        yield Hidden(field, column, len(values), squeezed=share, by_rank=float(by_rank[best]), by_value=float(by_value[best]))


def standardised(values: numpy.ndarray) -> numpy.ndarray:
    return (values - values.mean()) / values.std()
