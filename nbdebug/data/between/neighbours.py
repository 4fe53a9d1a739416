"""Near copies among images and series: much nearer than samples of this data ever are to each other."""

from __future__ import annotations

import numpy
import torch

from nbdebug.data.between.vectors import evenly, shrunk, table
from nbdebug.data.split import FieldData

WORK = 3e9  # multiplications of one search: about a second of one thread
MOST = 5000  # rows of each side
NEARER = 0.25  # of the distance to the tenth neighbour, and of the usual one. Our choice: of points in 10 dimensions one in 10^5 is so near
TENTH = 10
GREY = 16  # pixels a side of the grey image that is compared
CONTRAST = 0.02  # of the range of the data: flatter images look all alike
ALIKE = 0.9  # correlation, at the least


def near_vectors(train: FieldData, val: FieldData) -> dict[int, tuple[int, float]]:
    """Row of val → row of train and their correlation; mean and size of a sample do not count, nor which way an image is mirrored."""
    theirs, kept = _shapes_of(train)
    ours, wanted = _shapes_of(val)
    if len(kept) < 3 * TENTH or not len(wanted):
        return {}
    kept = kept[evenly(len(kept), MOST)]
    wanted = wanted[evenly(len(wanted), int(min(MOST, WORK / (2 * len(kept) * theirs.shape[1]))))]
    usual = _usual(theirs[kept])
    found: dict[int, tuple[int, float]] = {}
    for mirrored in (False, True) if val.kind == "image" else (False,):
        rows = _mirrored(ours[wanted], val) if mirrored else ours[wanted]
        for start in range(0, len(rows), 512):
            likeness, place = _nearest(rows[start : start + 512], theirs[kept])
            far = _far(likeness)  # (n, 10)
            near = (likeness[:, 0] > ALIKE) & (far[:, 0] < NEARER * usual) & (far[:, 0] < NEARER * far[:, -1])
            for row in numpy.flatnonzero(near):
                mine = int(wanted[start + row])
                if mine not in found or found[mine][1] < likeness[row, 0]:
                    found[mine] = (int(kept[place[row, 0]]), float(min(1.0, likeness[row, 0])))
    return dict(sorted(found.items()))


def _shapes_of(field: FieldData) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(K, D) float32 rows of mean 0 and length 1, and which of them have enough contrast to be told apart."""
    values = field.sample
    if field.kind == "image":
        rows = grey(values)
    else:
        rows = table(field)
        rows = rows[:, :: max(1, rows.shape[1] // 1024)]
    rows = numpy.nan_to_num(rows, posinf=0.0, neginf=0.0)
    spread = rows.std(1)
    rows = rows - rows.mean(1, keepdims=True)
    length = numpy.sqrt(numpy.square(rows).sum(1, keepdims=True))
    range_ = float(rows.max() - rows.min()) if rows.size else 0.0
    return (rows / numpy.maximum(length, 1e-30)).astype(numpy.float32), numpy.flatnonzero(spread > CONTRAST * max(range_, 1e-30))


def grey(thumbs: numpy.ndarray) -> numpy.ndarray:
    """(K, 256) of thumbnails."""
    return shrunk(thumbs, GREY).mean(-1).reshape(len(thumbs), -1)


def usual_distance(field: FieldData) -> float:
    """The usual distance of a sample of train to its nearest neighbour."""
    rows, kept = _shapes_of(field)
    return _usual(rows[kept[evenly(len(kept), MOST)]]) if len(kept) else 0.0


def _mirrored(rows: numpy.ndarray, field: FieldData) -> numpy.ndarray:
    side = int(round(rows.shape[1] ** 0.5))
    return rows.reshape(len(rows), side, side)[:, :, ::-1].reshape(len(rows), -1)


def _nearest(rows: numpy.ndarray, others: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    likeness = torch.from_numpy(numpy.ascontiguousarray(rows)) @ torch.from_numpy(others).T
    values, places = likeness.topk(min(TENTH, len(others)), dim=1)
    return values.numpy(), places.numpy()


def _far(likeness: numpy.ndarray) -> numpy.ndarray:
    return numpy.sqrt(numpy.maximum(2 - 2 * likeness.astype(numpy.float64), 0))


def _usual(rows: numpy.ndarray) -> float:
    """The usual distance of a sample of train to the nearest that is no copy of it."""
    some = evenly(len(rows), 256)
    likeness = _nearest(rows[some], rows)[0]
    far = _far(likeness)[:, 1:]  # the first is itself
    return float(numpy.median([numpy.min(row[row > 1e-3], initial=2.0) for row in far]))
