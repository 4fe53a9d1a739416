"""Near copies among texts and token sequences: most of their rarer runs of words are the same."""

from __future__ import annotations

from typing import Any

import numpy

from nbdebug.data.gathering.hashing import GOLDEN, different, mixed
from nbdebug.data.split import FieldData

RUN = 3  # words or tokens of a shingle
MOST, MOST_OF_VAL = 3000, 1000  # entries
LONGEST = 400  # words of an entry
FREQUENT = 0.01  # of the entries (three at least): runs in more of them are boilerplate
FEWEST = 8  # rarer runs that an entry must have to be told apart
ALIKE = 0.7  # of the rarer runs of the shorter entry


def near_entries(train: FieldData, val: FieldData) -> dict[int, tuple[int, float]]:
    """Row of val → row of train, and the share of rarer runs that they have in common.

    Source of the method: Broder, On the resemblance and containment of documents (1997).
    """
    known: dict[str, int] = {}
    their_runs, their_rows = _runs(train.sample[:MOST], known)
    our_runs, our_rows = _runs(val.sample[:MOST_OF_VAL], known)
    limits = [max(3, FREQUENT * min(len(field.sample), most)) for field, most in ((train, MOST), (val, MOST_OF_VAL))]
    kept = _times(their_runs, their_runs) <= limits[0]
    rare = (_times(our_runs, their_runs) <= limits[0]) & (_times(our_runs, our_runs) <= limits[1])
    return _most_shared(their_runs[kept], their_rows[kept], our_runs[rare], our_rows[rare])


def _most_shared(their_runs: numpy.ndarray, their_rows: numpy.ndarray, our_runs: numpy.ndarray, our_rows: numpy.ndarray) -> dict[int, tuple[int, float]]:
    """The entry of theirs that each of ours has most runs in common with, where those are enough."""
    order = numpy.argsort(their_runs, kind="stable")
    their_sizes, our_sizes = numpy.bincount(their_rows, minlength=MOST), numpy.bincount(our_rows, minlength=MOST_OF_VAL)
    low, high = (numpy.searchsorted(their_runs[order], our_runs, side) for side in ("left", "right"))
    found = {}
    for row in numpy.flatnonzero(our_sizes >= FEWEST).tolist():
        start, end = numpy.searchsorted(our_rows, [row, row + 1])
        places = [order[a:b] for a, b in zip(low[start:end].tolist(), high[start:end].tolist(), strict=True) if a < b]
        if len(places) < ALIKE * FEWEST:
            continue
        hits = numpy.bincount(their_rows[numpy.concatenate(places)])
        other = int(hits.argmax())
        likeness = float(hits[other] / max(FEWEST, our_sizes[row], their_sizes[other]))
        if likeness >= ALIKE:
            found[row] = (other, likeness)
    return found


def _times(runs: numpy.ndarray, others: numpy.ndarray) -> numpy.ndarray:
    """(n,) how often each run is among the others."""
    ordered = numpy.sort(others)
    return numpy.searchsorted(ordered, runs, "right") - numpy.searchsorted(ordered, runs, "left")


def _runs(entries: Any, known: dict[str, int]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(n,) runs of all entries as numbers, of each entry every run once, and (n,) rows of the entries."""
    runs = [different(_numbered(_words(entry, known))) for entry in entries]
    rows = numpy.repeat(numpy.arange(len(runs)), [len(run) for run in runs])
    return numpy.concatenate([numpy.zeros(0, numpy.uint64), *runs]), rows


def _numbered(words: numpy.ndarray) -> numpy.ndarray:
    """(m - 2,) one number for each run of three of (m,) words."""
    total = numpy.zeros(max(0, len(words) - RUN + 1), numpy.uint64)
    for place in range(RUN):
        total = mixed(total * GOLDEN + words[place : place + len(total)])
    return total


def _words(entry: Any, known: dict[str, int]) -> numpy.ndarray:
    """(m,) uint64; words are numbered as they come."""
    if isinstance(entry, str):
        return numpy.array([known.setdefault(word, len(known)) for word in entry.lower().split()[:LONGEST]], numpy.uint64)
    return numpy.asarray([] if entry is None else entry).reshape(-1)[:LONGEST].astype(numpy.int64).view(numpy.uint64)
