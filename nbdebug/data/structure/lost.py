"""Is what tells the target still there when a sample comes out of the dataset? The rows that it holds in memory are asked, and what it makes of them.

No threshold on the numbers themselves can tell what a transform destroys: points that were all put on one sphere, rows that were each divided by
themselves, steps in another order look as numbers do. A small rule that is learnt from half of the samples, and tried on the others, can.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch.utils.data import TensorDataset

from nbdebug.data.between.vectors import evenly
from nbdebug.data.classes.target import Target, target_of
from nbdebug.data.running.stored import row_of, unwrapped
from nbdebug.data.running.values import equal, inputs_of
from nbdebug.data.split import FieldData, Split

ROWS, FEWEST, A_CLASS = 320, 100, 10  # samples that are asked, at least, and of a class
CLASSES = 20  # at most
WIDE = 1024  # numbers of a sample that are looked at one by one
MOST = 16_000_000  # numbers of all of them
PICTURE = 8  # pixels a side
TOLD, LOST = 0.5, 0.25  # of the way from chance to all right, what the stored rows give; and what is left of that; our choice
SURE = 3.0  # standard deviations of a guess by lot
AGAIN = 3  # samples that are read twice
NEIGHBOURS, RIDGE = 5, 0.1
POINTS = 8  # coordinates at most of what may be a set of points


@dataclass(frozen=True)
class LostSignal:
    """How well a small rule tells the target, from the rows as they are stored and as they come out."""

    split: str
    field: str
    stored: float  # share of the samples that it is right about, each class counting the same
    given: float
    chance: float
    samples: int


def lost_signal(split: Split) -> LostSignal | None:
    """None where it is not lost, or cannot be asked: other rows, or a part of them, may hold what the model is to find out."""
    target, field = target_of(split), _only_input(split)
    if target is None or target.kind != "classes" or field is None or split.dataset is None or not split.by_index:
        return None
    places = _places(target)
    if len(places) < FEWEST or len(field.sample) != len(split.ids):
        return None
    first = _stored(split, places[0])
    if first is None or not _may_hold_no_more(first, field):
        return None
    places = places[evenly(len(places), MOST // first.size)]
    stored = [_stored(split, place) for place in places] if len(places) >= FEWEST else []
    if not stored or any(row is None or row.shape != first.shape or row.dtype.kind not in "iuf" for row in stored):
        return None
    out = _given(split, field, places)
    if out is None:
        return None
    raw, given = numpy.stack(stored).astype(numpy.float64), out[0]
    if not numpy.isfinite(raw).all() or not numpy.isfinite(given).all() or _is_ordered_alike(raw, given):
        return None
    codes = numpy.unique(target.codes[places], return_inverse=True)[1]
    chance = 1 / (int(codes.max()) + 1)
    before = max(_right(rows, codes) for rows in _said_by(raw))
    if before - chance < TOLD * (1 - chance) or _is_told_by_one(raw, codes):
        return None
    after = max(_right(rows, codes) for rows in _said_by(given))
    if after - chance > LOST * (before - chance):
        return None
    if out[1] and after - chance > SURE * (chance * (1 - chance) / len(places)) ** 0.5:  # what is moved and blurred by lot is told from many, by more than a small rule
        return None
    return LostSignal(split.name, field.name, before, after, chance, len(places))


def _only_input(split: Split) -> FieldData | None:
    """The one input, if it is an array of numbers."""
    fields = [field for field in split.fields if field.role == "input"]
    known = len(fields) == 1 and fields[0].kind in ("image", "series", "audio", "tabular") and isinstance(fields[0].sample, numpy.ndarray)
    return fields[0] if known else None


def _places(target: Target) -> numpy.ndarray:
    """Samples of the classes that have enough of them."""
    counts = numpy.bincount(target.codes[target.codes >= 0], minlength=1)
    if not 2 <= (counts > 0).sum() <= CLASSES:
        return numpy.zeros(0, int)
    known = numpy.flatnonzero((target.codes >= 0) & (counts >= A_CLASS)[target.codes])
    return known[evenly(len(known), ROWS)] if len(numpy.unique(target.codes[known])) > 1 else known[:0]


def _stored(split: Split, place: int) -> numpy.ndarray | None:
    """The row that the dataset holds of a sample."""
    data, index = unwrapped(split.dataset, int(split.ids[place]))
    return data.tensors[0][index].numpy() if type(data) is TensorDataset else row_of(data, index)


def _given(split: Split, field: FieldData, places: numpy.ndarray) -> tuple[numpy.ndarray, bool] | None:
    """(n, …) what comes out of the dataset, and whether it is drawn anew each time; images pixel by pixel, of which the sample is small and grey."""
    if field.kind != "image":
        return numpy.asarray(field.sample)[places].astype(numpy.float64), _is_drawn(split, places)
    if split.fetch is None or type(split.dataset) is TensorDataset:  # the latter gives out what it holds
        return None
    items = [_input_of(split, place) for place in places]
    known = all(item is not None and item.shape == items[0].shape for item in items)
    return (numpy.stack(items).astype(numpy.float64), _is_drawn(split, places)) if known else None


def _input_of(split: Split, place: int) -> numpy.ndarray | None:
    found = inputs_of(split.fetch(int(split.ids[place])))
    return found[0][1] if len(found) == 1 else None


def _is_drawn(split: Split, places: numpy.ndarray) -> bool:
    """Whether a sample comes out otherwise when it is read again."""
    if split.fetch is None:
        return False
    return any(not equal(split.fetch(int(split.ids[place])), split.fetch(int(split.ids[place]))) for place in places[:AGAIN])


def _may_hold_no_more(row: numpy.ndarray, field: FieldData) -> bool:
    """Whether what comes out is as many numbers as the row, or both are pictures: a part of another row may be what was cut off as its target."""
    if field.kind == "image" and row.ndim in (2, 3) and sorted(row.shape)[-2] >= PICTURE:
        return True
    return len(field.shapes) == 1 and int(numpy.prod(next(iter(field.shapes)))) == row.size


def _is_ordered_alike(raw: numpy.ndarray, given: numpy.ndarray) -> bool:
    """Whether all that was done is to shift and scale the whole, which loses nothing."""
    if raw[0].size != given[0].size:
        return False
    was, now = raw.reshape(-1), given.reshape(-1)
    return bool(was.std() > 0 and now.std() > 0 and numpy.corrcoef(was, now)[0, 1] > 0.99)


def _is_told_by_one(raw: numpy.ndarray, codes: numpy.ndarray) -> bool:
    """Whether one number of the row is the label itself."""
    rows = raw.reshape(len(raw), -1)
    few = [column for column in rows.T if len(numpy.unique(column)) == codes.max() + 1] if rows.shape[1] <= WIDE else []
    return any(len(numpy.unique(numpy.stack([column, codes]), axis=1).T) == codes.max() + 1 for column in few)


def _said_by(values: numpy.ndarray) -> Iterator[numpy.ndarray]:
    """(n, F) each: the numbers one by one, how they are distributed, and how points lie around their middle."""
    flat = values.reshape(len(values), -1)
    yield flat[:, :: -(-flat.shape[1] // WIDE)]
    yield numpy.concatenate([flat.mean(1)[:, None], flat.std(1)[:, None], numpy.quantile(flat, numpy.linspace(0, 1, 9), axis=1).T], 1)
    if values.ndim == 3 and min(values.shape[1:]) > 1:
        points = values if values.shape[2] <= values.shape[1] else values.swapaxes(1, 2)
        yield numpy.concatenate([points.mean(1), points.std(1)], 1)
        if points.shape[2] <= POINTS:
            away = numpy.linalg.norm(points - points.mean(1, keepdims=True), axis=2)
            yield numpy.quantile(away / numpy.maximum(away.max(1, keepdims=True), 1e-12), numpy.linspace(0, 1, 9), axis=1).T


def _right(rows: numpy.ndarray, codes: numpy.ndarray) -> float:
    """The better of nearest neighbours and a linear rule, made of one half and tried on the other, both ways."""
    spread = rows.std(0)
    rows = (rows - rows.mean(0))[:, spread > 1e-12] / spread[spread > 1e-12]
    if not rows.shape[1]:
        return 1 / (codes.max() + 1)
    x, y = torch.from_numpy(rows), torch.nn.functional.one_hot(torch.from_numpy(codes)).double()
    mixed = torch.from_numpy(numpy.random.default_rng(0).permutation(len(rows)))
    halves = mixed[::2], mixed[1::2]
    near, linear = torch.zeros(len(rows), dtype=torch.long), torch.zeros(len(rows), dtype=torch.long)
    for known, asked in (halves, halves[::-1]):
        closest = torch.cdist(x[asked], x[known]).topk(NEIGHBOURS, largest=False).indices
        near[asked] = y[known][closest].sum(1).argmax(1)
        linear[asked] = _linear(x[known], y[known], x[asked]).argmax(1)
    return max(_balanced(guess.numpy(), codes) for guess in (near, linear))


def _linear(x: torch.Tensor, y: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """Ridge regression of the classes, by the inner products of the samples: they are fewer than the numbers."""
    inner = x @ x.T
    weights = torch.linalg.solve(inner + RIDGE * inner.diagonal().mean() * torch.eye(len(x), dtype=x.dtype), y - y.mean(0))
    return asked @ x.T @ weights + y.mean(0)


def _balanced(guess: Any, codes: numpy.ndarray) -> float:
    return float(numpy.mean([(guess[codes == code] == code).mean() for code in range(codes.max() + 1)]))
