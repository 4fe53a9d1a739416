"""What shapes, columns and missing values say of preparation: layout, channels, columns in another order, values filled in."""

from __future__ import annotations

import numpy

from nbdebug.data.between.found import Preparation
from nbdebug.data.between.ks import variation
from nbdebug.data.split import FieldData, Split

MISSING = 0.05  # share of missing values from which on filling them in matters
NEARLY_ALL = 0.85  # total variation between the ranges of train's and val's images
FEWEST = 16  # images
SPREAD = 2.5  # ratio of the deviations of pixels; our choice: normalising by ImageNet's makes it 4.4, colour jitter less than 1.5
FILLED = 0.6  # of that share must be the one value that val has instead


def schema(train: Split, val: Split) -> list[Preparation]:
    """Of all fields that both have."""
    found = []
    for theirs in train.fields:
        ours = val.named(theirs.name)
        if ours is not None and theirs.role == "input":
            found += _shapes(theirs, ours) + _columns(theirs, ours) + _filled(theirs, ours)
    return found


def _shapes(theirs: FieldData, ours: FieldData) -> list[Preparation]:
    if len(theirs.shapes) != 1 or len(ours.shapes) != 1 or theirs.kind != "image" or ours.kind != "image":
        return []
    (a,), (b,) = theirs.shapes, ours.shapes
    if a == b or len(a) != len(b):
        return []
    if len(a) == 3 and (a[1:] + a[:1] == b or a[-1:] + a[:-1] == b):
        return [_of(theirs, f"train has images of shape {a}, val of {b}: channels first in the one, last in the other", True)]
    channels = [getattr(f.facts, "channels", None) for f in (theirs, ours)]
    if all(isinstance(c, dict) and len(c) == 1 for c in channels) and channels[0].keys() != channels[1].keys():
        return [_of(theirs, f"train has images of {next(iter(channels[0]))} channels, val of {next(iter(channels[1]))}", True)]
    return [_of(theirs, f"train has images of shape {a}, val of {b}", False)]


def ranges(theirs: FieldData, ours: FieldData) -> list[Preparation]:
    """Pixels of nearly all images lie in another range, and are another size: told where augmentation hides the rule."""
    if theirs.kind != "image" or ours.kind != "image" or theirs.columns is None or ours.columns is None:
        return []
    a, b = (_ranges(field) for field in (theirs, ours))
    spread, other = (float(numpy.nanmean(field.columns.std)) if len(field.columns.std) else 0.0 for field in (theirs, ours))
    words = [*a, *(word for word in b if word not in a)]
    apart = variation(*(numpy.array([float(counts.get(word, 0)) for word in words]) for counts in (a, b))) if a and b else 0.0
    if apart < NEARLY_ALL or not min(spread, other) > 0 or max(spread / other, other / spread) < SPREAD:
        return []
    (low, high), (lowest, highest) = ((numpy.nanmin(field.columns.low), numpy.nanmax(field.columns.high)) for field in (theirs, ours))
    rule = f"pixels of train lie in {low:.3g}..{high:.3g} (std {spread:.3g}), those of val in {lowest:.3g}..{highest:.3g} (std {other:.3g})"
    return [_of(theirs, rule, True)]


def _ranges(field: FieldData) -> dict[str, int]:
    """How many images lie in which range; empty where there are too few to say."""
    counts: dict[str, int] = {}
    for word, (count, _) in getattr(field.facts, "ranges", {}).items():
        word = "0..1" if word == "faint" else word  # dark pictures are drift, if anything
        counts[word] = counts.get(word, 0) + count
    return counts if sum(counts.values()) >= FEWEST else {}


def _columns(theirs: FieldData, ours: FieldData) -> list[Preparation]:
    a, b = theirs.axis_names, ours.axis_names
    if theirs.kind != "tabular" or a == b or not a or not b:
        return []
    if sorted(a) == sorted(b):
        return [_of(theirs, f"the columns lie in another order: val begins with {', '.join(b[:3])}, train with {', '.join(a[:3])}", False)]
    missing, new = [n for n in a if n not in b], [n for n in b if n not in a]
    parts = [f"val lacks {', '.join(missing[:4])}"] if missing else []
    parts += [f"train lacks {', '.join(new[:4])}"] if new else []
    return [_of(theirs, "the columns are not the same: " + "; ".join(parts), False, tuple((missing + new)[:4]))]


def _filled(theirs: FieldData, ours: FieldData) -> list[Preparation]:
    """Missing values on one side, and one value that is far more frequent on the other."""
    found = []
    a, b = theirs.sample, ours.sample
    if "int" in theirs.dtype or "bool" in theirs.dtype or max(len(theirs.shapes), len(ours.shapes)) > 1:  # batches of unequal width have gaps, these have none
        return []
    if theirs.kind != "tabular" or not isinstance(a, numpy.ndarray) or a.ndim != 2 or not isinstance(b, numpy.ndarray) or b.ndim != 2:
        return []
    for place, name in enumerate(theirs.axis_names):
        if name not in ours.axis_names or min(len(a), len(b)) < 24:
            continue
        column, other = a[:, place], b[:, ours.axis_names.index(name)]
        for said, holed, full in (("val", column, other), ("train", other, column)):
            share = float(numpy.isnan(holed).mean())
            if share < MISSING or numpy.isnan(full).any():
                continue
            values, counts = numpy.unique(full, return_counts=True)
            most = values[counts.argmax()]
            extra = counts.max() / len(full) - float((holed == most).mean())
            if extra > FILLED * share and extra > 4 * (share / len(full)) ** 0.5:
                against = "train" if said == "val" else "val"
                found.append(_of(theirs, f"{share:.0%} of {name} is missing in {against}, while {said} has {most:.4g} in {extra:.0%} more of its rows", True, (name,)))
    return found


def _of(field: FieldData, rule: str, sure: bool, places: tuple[str, ...] = ()) -> Preparation:
    return Preparation(field.name, places, rule, None, None, None, sure)
