"""Pictures of val that train holds mirrored or turned: augmented copies that were made before the split."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from nbdebug.data.between.copies import FEW, beyond
from nbdebug.data.between.found import PAIRS, Overlap, Pair, Repeats
from nbdebug.data.between.vectors import comparable
from nbdebug.data.split import Split

FEWEST, SHARE = 5, 0.02  # of val: fewer move no metric; our choice
LARGEST = 50_000_000  # numbers that are turned
DIGITS = 5  # to which numbers are compared


def turned_copies(train: Split, val: Split, again: Repeats | None) -> Overlap | None:
    """None where there are none, or no more than pictures of few possible kinds repeat by themselves."""
    ours, theirs = val.input(), train.input()
    if ours is None or theirs is None or theirs.kind != "image" or not comparable(theirs, ours) or not all(isinstance(f.sample, numpy.ndarray) and f.sample.ndim == 4 for f in (ours, theirs)):
        return None
    if theirs.sample.size + 5 * ours.sample.size > LARGEST:
        return None
    known = {_key(picture): row for row, picture in reversed(list(enumerate(theirs.sample)))}
    share = (again.count + FEW) / again.compared if again is not None else 0.0
    for manner, turned in _ways(ours.sample):
        hits = [(known[key], row) for row, picture in enumerate(turned) if (key := _key(picture)) in known and key != _key(ours.sample[row])]
        if len(hits) >= max(FEWEST, SHARE * len(ours.sample)) and beyond(len(hits), len(ours.sample), share):
            pairs = tuple(Pair(int(train.ids[mine]), int(val.ids[own]), 1.0) for mine, own in hits[:PAIRS])
            return Overlap("groups", len(hits), len(ours.sample), val.samples, 0.0, True, False, None, pairs, f"the one is the other {manner}")
    return None


def _ways(pictures: numpy.ndarray) -> Iterator[tuple[str, numpy.ndarray]]:
    """(K, H, W, C) each."""
    yield "mirrored left to right", pictures[:, :, ::-1]
    yield "mirrored upside down", pictures[:, ::-1]
    if pictures.shape[1] == pictures.shape[2]:
        yield from ((f"turned by {90 * times} degrees", numpy.rot90(pictures, times, (1, 2))) for times in (1, 2, 3))


def _key(picture: numpy.ndarray) -> bytes:
    return numpy.round(picture.astype(numpy.float32), DIGITS).tobytes()
