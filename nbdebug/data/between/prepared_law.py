"""Columns that look alike in both splits, and yet lie in another order: what they tell of the target, and of one another, is another's.

Columns that were standardised have one distribution, and no comparison of distributions tells them apart. What train's columns say of its
targets does: the rule that is learnt there must hold in val, and where it does not, it is tried on val's columns in another order.
"""

from __future__ import annotations

import numpy
import torch

from nbdebug.data.between.found import Preparation
from nbdebug.data.between.vectors import evenly, shrunk
from nbdebug.data.classes.probe import farther
from nbdebug.data.classes.several import several
from nbdebug.data.classes.target import target_of
from nbdebug.data.split import FieldData, Split

FEWEST, MOST = 60, 2000  # samples of either side
CHANNELS = (3, 40)  # columns, or channels of a series
PARTS, QUARTERS = 3, 2  # of a series, and along each side of a picture, whose means are asked
RIDGE = 1e-2
TOLD = 0.5  # correlation of guess and target within train from which there is a rule at all
LOST = 0.85  # of it, that may be left in val as it stands
RESTORED = 0.95  # of it, that the other order must bring; our choice, as the three above
GROUPED = 3.0  # standard deviations by which val may lie farther from train, in that order, than train's samples from each other: else it holds other groups
ORDERS, GONE = 4, 0.5  # channels that lie in so few orders that none fits by chance, where so much of what they told is gone; our choice
NEIGHBOURS = 500  # rows that this is asked of


def prepared_law(train: Split, val: Split, theirs: FieldData, ours: FieldData) -> list[Preparation]:
    """The other order of the columns, or channels, in which train's rule holds in val; empty where it holds as they stand, or in none."""
    asked = several(train, val, (target_of(train), target_of(val)))
    one, other = (target for _, target in asked) if len(asked) == 2 else (None, None)
    if one is None or one.kind != other.kind or one.kind not in ("classes", "quantity", "tags", "several") or one.name == theirs.name:
        return []
    names = tuple(name for name in one.frequent() if name in set(other.names)) if one.kind == "classes" else None
    if names is not None and len(names) < 2:
        return []
    rows, held = (numpy.flatnonzero(target.known) for target in (one, other))
    rows, held = rows[evenly(len(rows), MOST)], held[evenly(len(held), MOST)]
    x, z = _channels(theirs), _channels(ours)
    if x is None or z is None or x.shape[1:] != z.shape[1:] or min(len(rows), len(held)) < FEWEST:
        return []
    x, z = x[rows], z[held]
    y, w = one.answers(rows, names), other.answers(held, names)
    if y.shape[1] != w.shape[1] or not numpy.isfinite(x).all() or not numpy.isfinite(z).all():
        return []
    mean, spread = x.mean(0), x.std(0)
    if (spread < 1e-9).any():
        return []
    x, z = (x - mean) / spread, (z - mean) / spread
    half = len(x) // 2
    mixed = numpy.random.default_rng(0).permutation(len(x))
    own = _holds(x[mixed[:half]], y[mixed[:half]], x[mixed[half:]], y[mixed[half:]])
    if own < TOLD or (as_is := _holds(x, y, z, w)) > LOST * own:
        return []
    names_of = _names_of(theirs, x)
    signs = _signs(x, y, z, w)
    if signs.min() < 0 and _holds(x, y, z * signs, w) >= RESTORED * own and farther(*_rows(z * signs, x)) < GROUPED:
        turned = tuple(name for name, sign in zip(names_of, signs[0, :, 0], strict=True) if sign < 0)
        rule = (
            f"columns have turned their sign, as components have that were fitted to val anew: {', '.join(turned[:3])}; what train's columns tell of its targets (correlation of guess and "
            f"target {own:.2f}) they do not tell in val as it stands ({as_is:.2f}), and do with the signs turned back ({_holds(x, y, z * signs, w):.2f})"
        )
        return [Preparation(theirs.name, turned, rule, None, None, None, True)]
    order = _matched(x, y, z, w)
    if (order == numpy.arange(len(order))).all() or _holds(x, y, z[:, order], w) < RESTORED * own:
        return []
    sure = len(order) <= ORDERS and x.shape[2] > 1 and as_is <= GONE * own
    if not sure and farther(*_rows(z[:, order], x)) >= GROUPED:  # a few new subjects, on whom any rule fails
        return []
    called = "channel" if x.shape[2] > 1 else "column"
    moved = [i for i in range(len(order)) if order[i] != i]
    said = ", ".join(f"{names_of[order[i]]} of val is what {names_of[i]} is in train" for i in moved[:3])
    rule = (
        f"the {called}s lie in another order: {said}; what train's {called}s tell of its targets (correlation of guess and target {own:.2f}) they do not tell "
        f"in val as it stands ({as_is:.2f}), and do in that order ({_holds(x, y, z[:, order], w):.2f})"
    )
    return [Preparation(theirs.name, tuple(names_of[i] for i in moved), rule, None, None, None, True)]


def _names_of(field: FieldData, x: numpy.ndarray) -> tuple[str, ...]:
    return field.axis_names if len(field.axis_names) == x.shape[1] else tuple(f"{'channel' if x.shape[2] > 1 else 'column'} {i}" for i in range(x.shape[1]))


def _rows(*parts: numpy.ndarray) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(numpy.ascontiguousarray(part.reshape(len(part), -1)[:NEIGHBOURS])) for part in parts)


def _signs(x: numpy.ndarray, y: numpy.ndarray, z: numpy.ndarray, w: numpy.ndarray) -> numpy.ndarray:
    """(1, C, 1) -1 of columns that tell of val's targets the opposite of what they tell of train's."""
    one, other = (_tells(part, answers) for part, answers in ((x, y), (z, w)))
    return numpy.where((one * other).sum(1) < 0, -1.0, 1.0)[None, :, None]


def _channels(field: FieldData) -> numpy.ndarray | None:
    """(K, C, F): the columns of a table, F = 1; of a series the means of its channels in three parts of the time, of a picture in its quarters."""
    values = field.sample
    if not isinstance(values, numpy.ndarray) or values.dtype.kind not in "iuf":
        return None
    if field.kind == "tabular" and values.ndim == 2 and CHANNELS[0] <= values.shape[1] <= CHANNELS[1]:
        return values[:, :, None].astype(float)
    if field.kind == "image" and values.ndim == 4 and CHANNELS[0] <= values.shape[3] <= CHANNELS[1]:
        return shrunk(values, QUARTERS).reshape(len(values), QUARTERS**2, -1).swapaxes(1, 2)
    if field.kind in ("series", "audio") and values.ndim == 3:
        values = values if values.shape[1] < values.shape[2] else values.swapaxes(1, 2)  # (K, C, T)
        if CHANNELS[0] <= values.shape[1] <= CHANNELS[1] and values.shape[2] >= PARTS:
            return numpy.stack([part.mean(2) for part in numpy.array_split(values.astype(float), PARTS, axis=2)], 2)
    return None


def _holds(x: numpy.ndarray, y: numpy.ndarray, z: numpy.ndarray, w: numpy.ndarray) -> float:
    """Correlation of val's targets with what a linear rule of train makes of val's columns, each target about its mean."""
    a, b = x.reshape(len(x), -1), z.reshape(len(z), -1)
    weights = numpy.linalg.solve(a.T @ a + RIDGE * len(a) * numpy.eye(a.shape[1]), a.T @ (y - y.mean(0)))
    guess, wanted = b @ weights, w - w.mean(0)
    guess = guess - guess.mean(0)
    size = numpy.sqrt((guess**2).sum() * (wanted**2).sum())
    return float((guess * wanted).sum() / size) if size > 1e-12 else 0.0


def _matched(x: numpy.ndarray, y: numpy.ndarray, z: numpy.ndarray, w: numpy.ndarray) -> numpy.ndarray:
    """(C,) which channel of val tells of the targets what each of train's does; each is taken once, the clearest first."""
    one, other = (_tells(part, answers) for part, answers in ((x, y), (z, w)))
    far = ((one[:, None] - other[None]) ** 2).sum(2)
    order = numpy.full(len(far), -1)
    for _ in range(len(far)):
        free = order < 0
        taken = set(order[~free].tolist())
        open_ = [c for c in range(len(far)) if c not in taken]
        strength = (one**2).sum(1) * free
        row = int(numpy.argmax(numpy.where(free, strength, -1)))
        order[row] = min(open_, key=lambda c: far[row, c] + (0 if c == row else 1e-9))
    return order


def _tells(x: numpy.ndarray, y: numpy.ndarray) -> numpy.ndarray:
    """(C, F * targets) correlation of every channel with every target."""
    a = (x - x.mean(0)) / x.std(0).clip(1e-12)
    b = (y - y.mean(0)) / y.std(0).clip(1e-12)
    return (torch.einsum("ncf,nt->cft", torch.from_numpy(a), torch.from_numpy(b)) / len(a)).reshape(x.shape[1], -1).numpy()
