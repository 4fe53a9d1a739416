"""Columns that give the target away: exact copies of it in another dress, beside what all other columns know together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from nbdebug.data.features.matrix import CATEGORY, Goal, Matrix
from nbdebug.data.features.together import Together, together

WORTH_A_LOOK = 0.7  # of the power that a column could have: bins that lie across two classes cost some of it
NEARLY_ALL = 0.95  # from here on a column without an exact relation is told
FAR_BELOW = 0.9  # what all others may know together, beside a column that knows everything
THE_TARGET, BELOW = ("relabelled", "linear"), 0.98  # relations that are the target itself, and what all others may know beside them
OF_QUANTITIES, WITNESSES = ("linear", "rounded", "logarithm", "exponential"), 4  # other columns, beside which a multiple of the target is no toy
ALIKE = 0.98  # rank correlation with the suspect from which on a column is of its kin, and no witness
GAP = 0.2  # of a column's range that lies empty between the classes
WIDER = 3.0  # than any gap within a class: the steps of a count are no empty stretches
MISSING = 10  # values that are missing in one class only, at least
EXACT = 1e-4  # of the target's deviation
LEVELS = 20  # of a category that witnesses
MOST = 5  # columns that are told

SAID = {
    "relabelled": "has one value for each class, and no other",
    "missing": "is missing in all samples of class {detail} and in no other",
    "separated": "keeps the classes apart with empty stretches between them",
    "linear": "is the target times a number plus another",
    "rounded": "is the target, rounded",
    "logarithm": "is the target's logarithm, scaled",
    "exponential": "is the target's exponential, scaled",
    "marker": "is the same in every image of a class and another in each class",
    "token": "stands in every sequence of one class and in no other: {detail}",
    "strong": "predicts the target almost perfectly",
}


@dataclass(frozen=True)
class Leak:
    """A column, pixel or token that knows the target."""

    field: str
    column: str
    how: str  # a key of SAID
    detail: str  # for the sentence
    power: float  # of it alone, 0..1
    rest: float  # of all others together
    chance: float  # of all others, for permuted targets
    runner_up: str  # the next best column that is not of its kin; "" where there is none
    runner_up_power: float
    classes: int  # 0: a quantity
    rows: int
    certain: bool  # the relation is exact, and the others know something, but far less
    kin: tuple[str, ...] = ()  # columns that go together with it, and were left out of "all others"

    @property
    def sentence(self) -> str:
        """What it is, as a part of a sentence."""
        return SAID[self.how].format(detail=self.detail)


def leaks(table: Matrix, goal: Goal, rows: numpy.ndarray, chosen: numpy.ndarray, measured: numpy.ndarray) -> tuple[Leak, ...]:
    """The columns that give the target away, the certain ones first.

    Args:
        rows: of the sample, whose targets are known.
        chosen: (M,) columns whose power is known; `measured`: (M,) that power.
    """
    values, target = table.values[rows], goal.values[rows]
    power = dict(zip(chosen.tolist(), measured.tolist(), strict=True))
    suspects = _suspects(table, values, target, goal, power)
    found = [_held_against(table, values, target, goal, power, column, suspects) for column in list(suspects)[:MOST]]
    return tuple(sorted((leak for leak in found if leak is not None), key=lambda leak: (not leak.certain, -leak.power)))


def _suspects(table: Matrix, values: numpy.ndarray, target: numpy.ndarray, goal: Goal, power: dict[int, float]) -> dict[int, tuple[str, str]]:
    """Column → how it knows the target, and a detail of that."""
    found: dict[int, tuple[str, str]] = {}
    for column in range(table.width):
        if goal.classes:
            missing = class_missing(values[:, column] < 0 if table.kinds[column] == CATEGORY else numpy.isnan(values[:, column]), target)
            if missing is not None:
                found[column] = "missing", str(goal.classes[missing])
            elif power.get(column, 0.0) >= WORTH_A_LOOK:
                how = relation_to_classes(values[:, column], target)
                if how != "strong" or power[column] >= NEARLY_ALL:
                    found[column] = how, ""
        elif table.kinds[column] != CATEGORY:
            how = relation_to_quantity(values[:, column], target)
            if how or power.get(column, 0.0) >= NEARLY_ALL:
                found[column] = how or "strong", ""
    order = {"missing": 0, "relabelled": 0, "linear": 0, "rounded": 1, "logarithm": 1, "exponential": 1, "separated": 2, "strong": 3}
    return dict(sorted(found.items(), key=lambda item: (order[item[1][0]], -power.get(item[0], 0.0))))


def class_missing(missing: numpy.ndarray, target: numpy.ndarray) -> int | None:
    """The class in all of whose samples, and only there, the value is missing."""
    codes = numpy.unique(target[missing])
    return int(codes[0]) if len(codes) == 1 and missing.sum() >= MISSING and (missing == (target == codes[0])).all() and not missing.all() else None


def relation_to_classes(values: numpy.ndarray, target: numpy.ndarray) -> str:
    """"relabelled", "separated" or "strong"."""
    if not numpy.isfinite(values).all():
        return "strong"
    levels, codes = numpy.unique(values, return_inverse=True)
    classes = numpy.unique(target)
    pairs = len(numpy.unique(codes.reshape(-1) * (int(target.max()) + 1) + target))
    if len(levels) == len(classes) == pairs:
        return "relabelled"
    lows, highs = (numpy.array([f(values[target == c]) for c in classes]) for f in (numpy.min, numpy.max))
    order = numpy.argsort(lows)
    gaps = lows[order][1:] - highs[order][:-1]
    inner = max(float(numpy.diff(numpy.unique(values[target == c])).max(initial=0.0)) for c in classes)
    return "separated" if (gaps >= numpy.maximum(GAP * (levels[-1] - levels[0]), WIDER * inner)).all() else "strong"


def relation_to_quantity(values: numpy.ndarray, target: numpy.ndarray) -> str:
    """"linear", "rounded", "logarithm", "exponential", or "" for none that is exact."""
    known = numpy.isfinite(values)
    if known.mean() < 0.9:
        return ""
    x, y = values[known], target[known]
    if len(numpy.unique(x)) < 10 or len(numpy.unique(y)) < 10:
        return ""
    if how := _fits(x, y):
        return how
    if (x > 0).all() and _fits(numpy.log(x), y) == "linear":
        return "exponential"
    return "logarithm" if (y > 0).all() and _fits(x, numpy.log(y)) == "linear" else ""


def _fits(x: numpy.ndarray, y: numpy.ndarray) -> str:
    dx, dy = x - x.mean(), y - y.mean()
    if not (dx.any() and dy.any()):
        return ""
    slope = float(dx @ dy / (dx @ dx))
    left = numpy.abs(dy - slope * dx)
    if numpy.quantile(left, 0.99) <= EXACT * dy.std():
        return "linear"
    if dx @ dy < 0.98 * numpy.sqrt((dx @ dx) * (dy @ dy)):
        return ""
    grid = numpy.diff(numpy.unique(x)).min()
    return "rounded" if grid <= 0.2 * y.std() and numpy.abs(x - y).max() <= grid / 2 * (1 + 1e-6) else ""


def _held_against(
    table: Matrix, values: numpy.ndarray, target: numpy.ndarray, goal: Goal, power: dict[int, float], column: int, suspects: dict[int, tuple[str, str]],
) -> Leak | None:  # fmt: skip
    how, detail = suspects[column]
    exact = [other for other, (relation, _) in suspects.items() if relation not in ("strong", "separated")]
    kin = set(exact) | {column} | _kin(values, column)
    others = [other for other in range(table.width) if other not in kin]
    target_now = (target == int(_code_of(goal, detail))).astype(int) if how == "missing" else target
    rest = together(spread_out(table, values, others), target_now, bool(goal.classes))
    runner_up = max((other for other in others if other in power), key=lambda other: power[other], default=None)
    mine = 1.0 if how == "missing" else power.get(column, 1.0)
    runner_up_power = power[runner_up] if runner_up is not None else 0.0
    known_elsewhere = max(rest.power, runner_up_power) > FAR_BELOW
    if how == "strong" and (known_elsewhere or mine < NEARLY_ALL):
        return None
    return Leak(
        table.fields[column], table.names[column], how, detail, mine if goal.classes or how == "strong" else 1.0, rest.power, rest.chance,
        table.place(runner_up) if runner_up is not None else "", runner_up_power,
        len(numpy.unique(target)) if goal.classes else 0, len(target), how != "strong" and is_certain(how, rest, runner_up_power, len(others)),
        tuple(table.place(other) for other in sorted(kin - {column})),
    )  # fmt: skip


def is_certain(how: str, rest: Together, runner_up: float = 0.0, others: int = WITNESSES) -> bool:
    """Whether the others know something, so that this is no task in which one column is all there is, but not what it knows.

    A column that is the target under other names may stand beside others that know nearly all; any other relation may not. A quantity
    that is a multiple of one of a few columns is how toys are made.
    """
    if how in OF_QUANTITIES and others < WITNESSES:
        return False
    return rest.says_something and max(rest.power, runner_up) <= (BELOW if how in THE_TARGET else FAR_BELOW)


def _code_of(goal: Goal, name: str) -> int:
    return [str(label) for label in goal.classes].index(name)


def _kin(values: numpy.ndarray, column: int) -> set[int]:
    """Columns that are nearly the same as this one."""
    ranked = numpy.argsort(numpy.argsort(numpy.nan_to_num(values), axis=0), axis=0).astype(float)
    ranked -= ranked.mean(0)
    mine = ranked[:, column]
    alike = numpy.abs(mine @ ranked) >= ALIKE * numpy.sqrt((mine @ mine) * (ranked**2).sum(0))
    return set(numpy.flatnonzero(alike).tolist())


def spread_out(table: Matrix, values: numpy.ndarray, columns: list[int]) -> numpy.ndarray:
    """(n, D') with a column for each of a category's most frequent levels."""
    parts = []
    for column in columns:
        if table.kinds[column] != CATEGORY:
            parts.append(values[:, column : column + 1])
            continue
        levels, counts = numpy.unique(values[:, column], return_counts=True)
        frequent = levels[numpy.argsort(-counts)[:LEVELS]]
        parts.append((values[:, column : column + 1] == frequent).astype(float))
    return numpy.concatenate(parts, axis=1) if parts else numpy.zeros((len(values), 0))
