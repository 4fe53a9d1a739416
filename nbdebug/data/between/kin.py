"""Samples of one patient, speaker or recording on both sides of a split: who they are of is named somewhere, and the samples themselves show it.

A name alone is worth knowing and no more (`groups.py`). Here the samples of val are asked as well: their nearest ones in train are mostly of their own group, far more often
than those of their class are by chance. Groups whose later rows are val's, as in a forecast, are cut on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy
import torch

from nbdebug.data.between.found import PAIRS, Overlap, Pair
from nbdebug.data.between.litters import measured_rows
from nbdebug.data.between.vectors import comparable
from nbdebug.data.classes.in_reach import in_reach
from nbdebug.data.classes.places import innermost, original
from nbdebug.data.split import Split

NAMED = re.compile(
    r"(^|[\W_\d])(patient|subject|speaker|person|participant|volunteer|donor|writer|singer|individual|animal|mouse|specimen|recording|session|visit|volume|study|slide|video|wafer)(s|es|ids?)?($|[\W_\d])",
    re.I,
)
FEWEST, ROWS = 8, 2.0  # groups, and rows a group on average
MOST = 3000  # rows of both splits together
OWN, BEYOND = 0.5, 4.0  # share of val's samples whose nearest of train is of their own group, and times that of chance; our choice
SHARED = 0.3  # of val's samples whose group lies in train at all
LATER = 0.95  # of the pairs of one group in which val's row comes after train's


def shared_kin(train: Split, val: Split) -> Overlap | None:
    """The samples of val whose group lies in train, too; None where no group is named, none is shared, or samples do not show it."""
    ours, theirs = val.input(), train.input()
    if ours is None or theirs is None or not comparable(theirs, ours) or not train.by_index or not val.by_index or len(train.ids) + len(val.ids) > MOST:
        return None
    known = [(said, mine, their) for said, mine, their in _named(train, val) if _are_groups(mine, their)]
    if not known or (rows := measured_rows(theirs, ours)) is None:
        return None
    count = len(theirs.sample)
    near = torch.cdist(rows[count:], rows[:count]).argmin(1).numpy()
    for said, mine, their in known:
        if (own := _own(train, val, near, mine, their)) is not None:
            at = numpy.flatnonzero(own)[:PAIRS]
            pairs = tuple(Pair(int(train.ids[near[row]]), int(val.ids[row]), 1.0) for row in at)
            shared = int(numpy.isin(their, mine).sum())
            measure = f"`{said}` names the group, and of {own.mean():.0%} the nearest sample in {train.name} is of their own"
            return Overlap("groups", shared, len(their), val.samples, 0.0, True, False, None, pairs, measure)
    return None


def _are_groups(mine: numpy.ndarray, their: numpy.ndarray) -> bool:
    kinds = len(numpy.unique(mine))
    return kinds >= FEWEST and len(mine) >= ROWS * kinds and float(numpy.isin(their, mine).mean()) >= SHARED


def _own(train: Split, val: Split, near: numpy.ndarray, mine: numpy.ndarray, their: numpy.ndarray) -> numpy.ndarray | None:
    """(m,) whether the nearest of train is of the same group; None where that is no more than chance, or val's rows are the later ones."""
    own = mine[near] == their
    alike = _labels(train, val)
    names, codes = numpy.unique(numpy.concatenate([mine, their]), return_inverse=True)
    a, b = codes[: len(mine)], codes[len(mine) :]
    if alike is None:
        chance = (numpy.bincount(a, minlength=len(names))[b] / len(a)).mean()
    else:
        pairs = alike[0][None, :] == alike[1][:, None]
        chance = ((pairs & (a[None, :] == b[:, None])).sum(1) / numpy.maximum(1, pairs.sum(1))).mean()
    if own.mean() < max(OWN, BEYOND * chance):
        return None
    mates = a[None, :] == b[:, None]
    later = original(val)[:, None] > original(train)[None, :]
    together = innermost(train) is innermost(val)
    return None if together and float(later[mates].mean()) >= LATER else own


def _labels(train: Split, val: Split) -> tuple[numpy.ndarray, numpy.ndarray] | None:
    """The classes of either, where there are any, so that a class is no group."""
    mine, their = train.target(), val.target()
    if mine is None or their is None or mine.kind != "classes" or their.kind != "classes" or not all(isinstance(field.sample, numpy.ndarray) for field in (mine, their)):
        return None
    one, other = ([getattr(field.facts, "names", ())[code] if code >= 0 else None for code in field.sample] for field in (mine, their))
    table = {name: number for number, name in enumerate(dict.fromkeys([*one, *other]))}
    return numpy.array([table[name] for name in one]), numpy.array([table[name] for name in other])


def _named(train: Split, val: Split) -> Iterator[tuple[str, numpy.ndarray, numpy.ndarray]]:
    """Name, and the group of each sampled row of train and of val: a part of the batches, or a list that is held."""
    for field in train.fields:
        ours = val.named(field.name)
        if NAMED.search(field.name) and ours is not None and (a := _entries(field.sample)) is not None and (b := _entries(ours.sample)) is not None:
            yield field.name, a, b
    mine, their = (_held(split) for split in (train, val))
    for said, many in mine.items():
        yield from ((said, a, b) for a in many for b in their.get(said, ()) if len(a) == len(train.ids) and len(b) == len(val.ids))


def _entries(sample: Any) -> numpy.ndarray | None:
    if not isinstance(sample, numpy.ndarray) and not all(isinstance(entry, (str, Integral)) for entry in sample):
        return None
    values = numpy.asarray(sample)
    values = values.reshape(len(values), -1) if len(values) else values
    whole = values.dtype.kind in "iuUO" or values.dtype.kind == "f" and bool((values == numpy.round(values)).all())
    return values[:, 0].astype(str) if values.shape[1:] == (1,) and whole else None


def _orders(dataset: Any) -> list[numpy.ndarray]:
    """What the dataset itself holds as places, one for each of its samples, such as `self.rows`."""
    found = []
    for held in list(getattr(dataset, "__dict__", {}).values()) if hasattr(dataset, "__len__") else ():
        listed = isinstance(held, list) and all(isinstance(entry, Integral) for entry in held)
        if (listed or isinstance(held, (numpy.ndarray, torch.Tensor)) and held.ndim == 1) and len(held) == len(dataset):
            places = numpy.asarray(held)
            found += [places] if places.dtype.kind in "iu" and len(numpy.unique(places)) == len(places) else []
    return found[:4]


def _held(split: Split) -> dict[str, list[numpy.ndarray]]:
    """By name the groups of the sampled rows, once for each place that a row may have in the list."""
    lists, _ = in_reach(split.dataset)
    ids = numpy.asarray(split.ids)
    ways = [original(split), ids, *(order[ids] for order in _orders(split.dataset))]
    found: dict[str, list[numpy.ndarray]] = {}
    for said, values in lists.items():
        if NAMED.search(said) and values.dtype.kind in "iuU":
            found[said] = [values[way].astype(str) for way in ways if len(way) and way.min() >= 0 and way.max() < len(values)]
    return found
