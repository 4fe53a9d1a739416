"""What was measured at the sampled steps, in one array that never outgrows its memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nbdebug.instruments.watch.numbers.magnitudes import COLUMNS
from nbdebug.instruments.watch.numbers.reduction import RECORD
from nbdebug.instruments.watch.result import TensorTrack

FEWEST = 4  # sampled steps that are kept of the largest model in the smallest memory
NONFINITE = ("nan", "positive_inf", "negative_inf")


class Row(NamedTuple):
    """One tensor that is followed."""

    name: str
    what: str  # "activation", "activation gradient", "weight", "gradient" or "update"
    kind: str


class Histories:
    """Of a long run every second, then every fourth … sampled step is kept, with the extremes of those left out.

    The first sampled step and the last one are always there.
    """

    def __init__(self, memory: int) -> None:
        self.memory = memory  # bytes
        self.rows: list[Row] = []
        self.elements: list[int] = []  # of each row, when it was last seen
        self._numbers: dict[tuple[str, str], int] = {}
        self._kept = _empty(0, 0)  # (steps, rows)
        self._latest = _empty(1, 0)[0]
        self._used = 0  # steps that are kept
        self._every = 1  # sampled steps from one that is kept to the next
        self._seen = 0  # sampled steps

    def row(self, name: str, what: str, kind: str = "") -> int:
        """The number of a row. What comes again under its old name goes on with its history."""
        known = self._numbers.get((name, what))
        if known is None:
            known = self._numbers[name, what] = len(self.rows)
            self.rows.append(Row(name, what, kind))
            self.elements.append(0)
        return known

    def store(self, step: int, rows: np.ndarray, records: np.ndarray) -> None:
        """Adds a sampled step: the records of those rows that were seen in it."""
        self._make_room()
        records["step"] = step
        self._latest[:] = _NOTHING
        self._latest[rows] = records
        if self._used == len(self._kept) and self._seen % self._every == 0:
            self._thin()
        if self._seen % self._every == 0:
            self._kept[self._used] = self._latest
            self._used += 1
        else:
            _merge(self._kept[self._used - 1], self._latest)
        self._seen += 1

    def tracks(self, counts: int) -> tuple[TensorTrack, ...]:
        """Plain, with at most so many counts in all (and three steps at least): thinned as above, if need be."""
        if not self._used:
            return ()
        most = max(2, counts // (COLUMNS * len(self.rows)) - 1)
        together = -(-self._used // most)
        kept = self._kept[: self._used : together].copy()
        for offset in range(1, together):
            for into, other in zip(kept, self._kept[offset : self._used : together], strict=False):
                _merge(into, other)
        columns = [_column(kept[:, at], self._latest[at]) for at in range(len(self.rows))]
        return tuple(
            _track(row, elements, seen)
            for row, elements, seen in zip(self.rows, self.elements, columns, strict=True)
            if len(seen)  # of a layer in inference there is no gradient
        )

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """What is kept, (steps, rows), and the last sampled step, (rows,)."""
        return self._kept[: self._used, : len(self.rows)], self._latest[: len(self.rows)]

    def restore(self, rows: Sequence[Row], elements: Sequence[int], kept: np.ndarray) -> None:
        """Goes on with what was kept elsewhere. To be called before anything is stored."""
        for row, number in zip(rows, elements, strict=True):
            self.elements[self.row(row.name, row.what, row.kind)] = number
        for records in kept:
            seen = np.flatnonzero(records["looked_at"])
            if len(seen):
                self.store(int(records["step"][seen[0]]), seen, records[seen].copy())

    @classmethod
    def of(cls, rows: Sequence[Row], elements: Sequence[int], kept: np.ndarray, latest: np.ndarray) -> Histories:
        """To be read only: what `arrays` gave."""
        made = cls(kept.nbytes)
        made.rows, made.elements = list(rows), list(elements)
        made._kept, made._latest, made._used = kept, latest, len(kept)
        return made

    @property
    def nbytes(self) -> int:
        return self._kept.nbytes + self._latest.nbytes

    def _make_room(self) -> None:
        """More columns when rows are new. Memory that was never written is not taken by the system yet."""
        have = len(self._latest)
        if len(self.rows) <= have:
            return
        columns = len(self.rows) + len(self.rows) // 8
        steps = max(FEWEST, self.memory // (RECORD.itemsize * columns) - 1)
        while self._used > steps:
            self._thin()
        kept, self._kept = self._kept, np.zeros((steps, columns), RECORD)
        self._kept[: self._used] = _NOTHING
        self._kept[: self._used, :have] = kept[: self._used]
        self._latest = _empty(1, columns)[0]

    def _thin(self) -> None:
        """Every pair becomes one, in place."""
        for pair in range(self._used // 2):
            _merge(self._kept[2 * pair], self._kept[2 * pair + 1])
        self._kept[: (self._used + 1) // 2] = self._kept[: self._used : 2].copy()
        self._used = (self._used + 1) // 2
        self._every *= 2


_NOTHING = np.array((0, 0, *(np.nan,) * 5, 0, 0, 0, (0,) * COLUMNS), RECORD)


def _empty(steps: int, rows: int) -> np.ndarray:
    return np.full((steps, rows), _NOTHING, RECORD)


def _merge(into: np.ndarray, other: np.ndarray) -> None:
    """Carries the extremes of a step that is left out over to one that is kept; a row it alone has, it hands over."""
    absent = (into["looked_at"] == 0) & (other["looked_at"] > 0)
    np.fmin(into["low"], other["low"], out=into["low"])
    np.fmax(into["high"], other["high"], out=into["high"])
    for name in NONFINITE:
        np.maximum(into[name], other[name], out=into[name])
    if absent.any():
        into[absent] = other[absent]


def _column(kept: np.ndarray, latest: np.ndarray) -> np.ndarray:
    """The steps at which a row was seen, the last of all included."""
    kept = kept[kept["looked_at"] > 0]
    if latest["looked_at"] and (not len(kept) or kept["step"][-1] < latest["step"]):
        kept = np.append(kept, latest)
    return kept


def _track(row: Row, elements: int, seen: np.ndarray) -> TensorTrack:
    values = {name: tuple(seen[name].tolist()) for name in RECORD.names if name not in ("step", "counts")}
    counts = tuple(map(tuple, seen["counts"].tolist()))
    return TensorTrack(row.name, row.what, row.kind, elements, tuple(seen["step"].tolist()), counts=counts, **values)
