"""Near copies among more images than were sampled: by the difference hash of every one, and a look at those that agree."""

from __future__ import annotations

from typing import Any

import numpy
import torch

from nbdebug.data.between.neighbours import ALIKE, CONTRAST, NEARER, grey, usual_distance
from nbdebug.data.context import Context
from nbdebug.data.gathering.hashing import among
from nbdebug.data.gathering.pixels import thumbnails
from nbdebug.data.split import FieldData, Split

BITS = 3  # of 64 that may differ
BAND = 16  # bits: of four bands one is intact when three bits differ
FULL = 10  # bits of each value that a hash must have to tell anything: of flat images it is nearly all one value
LOOKED_AT = 24  # pairs
CONFIRMED = 0.9  # of them, from which on the hashes are believed
CROWD = 64  # images of one band that are compared
NEEDED = 1.0  # seconds that must be left


def alike_hashes(train: Split, val: Split, theirs: FieldData, ours: FieldData, context: Context) -> dict[int, tuple[int, float]]:
    """Id in val → id in train and correlation; empty unless nearly all of those that were looked at are near copies."""
    if context.left < NEEDED or train.fetch is None or val.fetch is None or not (train.by_index and val.by_index):
        return {}
    pairs = _agreeing(theirs.facts, ours.facts)
    known = set(val.inputs.ids[among(val.inputs.hashes, train.inputs.hashes)].tolist())
    pairs = {own: other for own, other in pairs.items() if own not in known}
    usual = usual_distance(theirs)
    looked = list(pairs)[:: max(1, len(pairs) // LOOKED_AT)][:LOOKED_AT]
    likeness = {own: _likeness(val, own, train, pairs[own], usual) for own in looked}
    if not pairs or sum(one > 0 for one in likeness.values()) < CONFIRMED * len(looked):
        return {}
    believed = {own: (other, likeness.get(own, 1.0)) for own, other in pairs.items() if likeness.get(own, 1.0) > 0}
    return dict(sorted(believed.items(), key=lambda pair: pair[0] not in likeness))  # those that were looked at come first


def within(train: Split, field: FieldData, count: int) -> float:
    """How many of so many images of train agree with another one of it, that is no copy to the last bit."""
    hashes, ids = _telling(field.facts)
    if len(hashes) < 4:
        return 0.0
    order = numpy.random.default_rng(0).permutation(len(hashes))
    part = min(count, len(order) // 2)
    own = dict(zip(train.inputs.ids.tolist(), train.inputs.hashes.tolist(), strict=True))
    found = _joined(hashes[order[part:]], ids[order[part:]], hashes[order[:part]], ids[order[:part]])
    return count * sum(own.get(a) != own.get(b) for a, b in found.items()) / max(1, part)


def _agreeing(theirs: Any, ours: Any) -> dict[int, int]:
    return _joined(*_telling(theirs), *_telling(ours))


def _telling(facts: Any) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Hashes that are not nearly all zeros or ones, and the ids of their images."""
    hashes, ids = getattr(facts, "phashes", numpy.zeros(0, numpy.uint64)), getattr(facts, "phash_ids", numpy.zeros(0, numpy.int64))
    ones = _ones(hashes)
    telling = (ones >= FULL) & (ones <= 64 - FULL)
    return hashes[telling], ids[telling]


def _joined(theirs: numpy.ndarray, their_ids: numpy.ndarray, ours: numpy.ndarray, our_ids: numpy.ndarray) -> dict[int, int]:
    """Id of ours → id of the nearest of theirs within BITS."""
    found: dict[int, tuple[int, int]] = {}
    for shift in range(0, 64, BAND):
        bands = (theirs >> numpy.uint64(shift)) & numpy.uint64(2**BAND - 1)
        wanted = (ours >> numpy.uint64(shift)) & numpy.uint64(2**BAND - 1)
        order = numpy.argsort(bands, kind="stable")
        low, high = numpy.searchsorted(bands[order], wanted), numpy.searchsorted(bands[order], wanted, "right")
        for step in range(min(CROWD, int((high - low).max(initial=0)))):
            rows = numpy.flatnonzero(low + step < high)
            places = order[low[rows] + step]
            far = _ones(theirs[places] ^ ours[rows])
            for row, place, bits in zip(rows[far <= BITS].tolist(), places[far <= BITS].tolist(), far[far <= BITS].tolist(), strict=True):
                own = int(our_ids[row])
                if own not in found or bits < found[own][0]:
                    found[own] = (bits, int(their_ids[place]))
    return {own: other for own, (_, other) in found.items()}


def _ones(words: numpy.ndarray) -> numpy.ndarray:
    """How many bits of each 64 are set; numpy.bitwise_count is there from NumPy 2 on."""
    octets = numpy.ascontiguousarray(words, dtype=numpy.uint64).view(numpy.uint8).reshape(-1, 8)
    return numpy.unpackbits(octets, axis=1).sum(1)


def _likeness(val: Split, own: int, train: Split, other: int, usual: float) -> float:
    """The correlation of two images at 16 x 16; 0 where they are no near copies."""
    a, b = (_grey_of(split.fetch(number)) for split, number in ((val, own), (train, other)))
    if a is None or b is None or min(a.std(), b.std()) <= CONTRAST * max(numpy.ptp(a), numpy.ptp(b), 1e-30):
        return 0.0
    likeness = float(numpy.corrcoef(a, b)[0, 1])
    return likeness if likeness > ALIKE and numpy.sqrt(max(0.0, 2 - 2 * likeness)) < NEARER * usual else 0.0


def _grey_of(item: Any) -> numpy.ndarray | None:
    while isinstance(item, (tuple, list)) and len(item):
        item = item[0]
    if isinstance(item, dict):
        item = next((v for v in item.values() if getattr(v, "ndim", 0) in (2, 3)), None)
    image = item.detach().cpu().numpy() if isinstance(item, torch.Tensor) else numpy.asarray(item)
    if image.ndim not in (2, 3) or image.dtype.kind not in "fiub":
        return None
    image = image[None] if image.ndim == 2 else image if image.shape[0] in (1, 3, 4) else numpy.moveaxis(image, -1, 0)
    return grey(thumbnails(image[None].astype(numpy.float32), 32))[0]
