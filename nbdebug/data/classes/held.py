"""Labels that go with nothing, while the training still holds the list that they were taken from: is there a place in it that each input tells?

Which list they are from is certain, not guessed: the labels of all samples stand in it, in some order that is held as well, or as often. Then
the places are tried that the inputs have themselves: where their rows stand in an array, an order that is held (`perm`, `train_idx`, the index of a
table), each of them with names sorted as text. It is only asked where no label can be told as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy
import torch

from nbdebug.data.classes.in_reach import in_reach
from nbdebug.data.classes.places import ENOUGH, Places, spread
from nbdebug.data.classes.probe import Agreement, Probe, correlations
from nbdebug.data.classes.target import COLUMNS, Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import Split

LIKELY = 2  # places that are asked thoroughly, after a look at all of them
LISTS, WAYS = 6, 100  # lists of labels, and ways to the places, at most
FIRST = 4  # classes that the first look is at
CONTINUOUS = 0.9  # different values a row, from which one column tells which row it is
COMPARED = 64  # columns of a table
LINEAR = 1 - 1e-7  # correlation of two sorted columns that are one, but for a mean and a deviation; of two samples of one law it stays below 0.9999
SHIFTED = 0.5  # of the rows that lie one and the same distance from where their label stands: more is a shift; our choice
AHEAD = 0.95  # of the rows whose label stands behind their own place: what is to come, and meant so; our choice
TOLD = 5.0  # standard deviations from which labels can be told as they stand, and need no other place
Ways = list[tuple[str, numpy.ndarray]]  # in words, and the (n,) places to which they lead


@dataclass(frozen=True)
class Held:
    """A list of the labels, and the places in it that the inputs tell."""

    split: str
    said: str  # "`label` at the rows of `raw` that the inputs are"
    there: Agreement
    at_zero: Agreement
    samples: int
    where: str


def held(split: Split, target: Target, found: Places, most: int, other: Split | None) -> Held | None:
    """The list and the way to its places in which labels can be told best; None where there is none to try."""
    if target.kind not in ("classes", "quantity", "tags") or not split.by_index or len(found.rows) < ENOUGH:
        return None
    chosen = spread(numpy.arange(len(found.rows)), most)
    rows, index = found.rows[chosen], found.index[chosen]
    encoded = vectors((split, rows))
    if encoded is None:
        return None
    probe = Probe(encoded[0], index)
    at_zero = probe.agreement(torch.from_numpy(target.answers(rows)))
    if at_zero.z >= TOLD:
        return None
    tried = list(islice(_tried(split, other, target, rows, index), LISTS * WAYS))
    where = f"{split.name_of(int(found.index[0]))} to {int(found.index[-1])}"
    made = [Held(split.name, said, there, at_zero, len(rows), where) for said, there in _best(probe, tried)]
    return max(made, key=lambda one: one.there.z, default=None)


def _best(probe: Probe, tried: list[tuple[str, torch.Tensor]]) -> Iterator[tuple[str, Agreement]]:
    """The likeliest of them, asked thoroughly."""
    width = min((answers.shape[1] for _, answers in tried), default=0)
    if not tried:
        return
    width = min(FIRST, width)
    stacked = torch.cat([answers[:, :width] for _, answers in tried], 1)
    told = torch.stack([correlations(guess, stacked, len(tried)) for guess in probe.guesses(stacked).values()]).amax(0)
    for i in told.topk(min(LIKELY, len(tried))).indices.tolist():
        yield tried[i][0], probe.agreement(tried[i][1])


def _tried(split: Split, other: Split | None, target: Target, rows: numpy.ndarray, index: numpy.ndarray) -> Iterator[tuple[str, torch.Tensor]]:
    """The labels at every place that an input may have, list by list."""
    lists, collections = in_reach(split.dataset)
    bases = _deduplicated(_of_dataset(split, other, index, numpy.asarray(split.ids)[rows]))
    ways = _deduplicated(chain(bases, _by_content(split, other, collections, lists, rows), _by_order(split, other, lists, bases)))
    own, known = _own(target)[rows], 0
    for name, values in lists.items():
        labels = _labels(values, quantity=target.kind == "quantity")
        inside = [(said, place) for said, place in ways if place.max() < len(values)] if labels is not None else []
        taken = [place for _, place in inside if same_labels(labels[place], own, quantity=target.kind == "quantity")]
        if labels is None or not taken and not _as_often(labels, split, other, target):
            continue
        for said, place in [*inside, *_as_text(inside, len(values))]:
            if all(_is_another(place, at) for at in taken):
                yield f"`{name}` {said}".strip(), _answers(labels[place], quantity=target.kind == "quantity")
        known += 1
        if known == LISTS:
            return


# -- the lists -----------------------------------------------------------------------------------------------------------


def _own(target: Target) -> numpy.ndarray:
    """(K,) a number for each sampled row; of tags that which is most evenly there and not there."""
    if target.codes is not None:
        return target.codes
    return target.values if target.values.ndim == 1 else target.values[:, numpy.nanvar(target.values, 0).argmax()]


def _labels(values: numpy.ndarray, *, quantity: bool) -> numpy.ndarray | None:
    """(n,) numbers of classes, or the quantity itself; None of a list that can be none of labels."""
    if quantity:
        return values.astype(float) if values.dtype.kind in "iuf" and numpy.isfinite(values).all() else None
    names, codes = numpy.unique(values, return_inverse=True)
    return codes if 2 <= len(names) <= COLUMNS else None


def same_labels(labels: numpy.ndarray, own: numpy.ndarray, *, quantity: bool) -> bool:
    """Whether they are the same labels, be they called otherwise; of a quantity, whether it rises with it, row by row."""
    if quantity:
        return bool((_ranks(labels) == _ranks(own)).all())
    _, own = numpy.unique(own, return_inverse=True)
    pairs = len(numpy.unique(labels.astype(numpy.int64) * (own.max() + 1) + own))
    return pairs == own.max() + 1 == len(numpy.unique(labels)) and pairs > 1


def _answers(labels: numpy.ndarray, *, quantity: bool) -> torch.Tensor:
    """(n, C) one column a class, the most frequent first, or (n, 1) ranks."""
    if quantity:
        return torch.from_numpy(_ranks(labels)[:, None] / max(1, len(labels) - 1))
    often = numpy.argsort(-numpy.bincount(labels), kind="stable")
    return torch.from_numpy((labels[:, None] == often[None]).astype(float))


def _ranks(values: numpy.ndarray) -> numpy.ndarray:
    return numpy.argsort(numpy.argsort(values.astype(numpy.float32), kind="stable"), kind="stable")


def _as_often(labels: numpy.ndarray, split: Split, other: Split | None, target: Target) -> bool:
    """Whether the list holds its classes as often as train and val do together; not so where all are equally many, as those of other lists may be, too."""
    both = [one for one in (split, other) if one is not None]
    if target.kind != "classes" or not all(one.whole for one in both) or len(labels) != sum(one.samples for one in both):
        return False
    counts: dict[Any, int] = {}
    for facts in (getattr(one.target(), "facts", None) for one in both):
        for name in getattr(facts, "names", ()):
            counts[name] = counts.get(name, 0) + facts.counts.get(name, 0)
    return len(set(counts.values())) > 1 and sorted(counts.values()) == sorted(numpy.bincount(labels).tolist())


# -- the places ----------------------------------------------------------------------------------------------------------


def _of_dataset(split: Split, other: Split | None, index: numpy.ndarray, own: numpy.ndarray) -> Ways:
    """In the innermost dataset, in that of the loader, and in train and val joined either way."""
    rest = _length(other.dataset) if other is not None and other.by_index else 0
    return [("", index), ("", own), ("", own + rest)]


def _by_order(split: Split, other: Split | None, lists: dict[str, numpy.ndarray], bases: Ways) -> Iterator[tuple[str, numpy.ndarray]]:
    """What a list of places makes of these; two of them one after the other, as an order of what was left of a table, and the index that says which rows these are."""
    length = _length(split.dataset)
    sizes = {length, length + (_length(other.dataset) if other is not None and other.by_index else 0), 1 + max(int(base.max()) for _, base in bases)}
    orders = {name: order for name, order in lists.items() if order.dtype.kind in "iu" and order.min() >= 0 and len(numpy.unique(order)) == len(order)}
    first = []
    for name, order in orders.items():
        for _, base in bases if len(order) in sizes else ():
            if base.max() < len(order):
                first.append((name, f"in the order of `{name}`", order[base]))
                first += [(name, f"in the order of `argsort({name})`", numpy.argsort(order)[base])] if order.max() == len(order) - 1 else []
    yield from ((said, place) for _, said, place in first)
    for name, order in orders.items():
        yield from ((f"{said}, then of `{name}`", order[place]) for own, said, place in first if place.max() < len(order) and own != name)


def _by_content(split: Split, other: Split | None, collections: dict[str, Any], lists: dict[str, numpy.ndarray], rows: numpy.ndarray) -> Iterator[tuple[str, numpy.ndarray]]:
    """Where the inputs of these rows stand in a collection, or their numbers in a column of a table."""
    field = split.input()
    if field is not None and field.kind == "tabular" and isinstance(field.sample, numpy.ndarray) and field.sample.ndim == 2:
        sample = field.sample[rows].astype(numpy.float32)
        columns = [c for c in range(sample.shape[1]) if len(numpy.unique(sample[:, c])) >= CONTINUOUS * len(sample)][:4]
        tables = {name: values for name, values in collections.items() if values.dtype.kind in "iuf" and values.ndim == 2}
        for name, table in (tables | {name: values[:, None] for name, values in lists.items() if values.dtype.kind == "f"}).items():
            pairs = [(c, d) for c in columns for d in range(min(COMPARED, table.shape[1]))]
            plain = (_looked_up(sample[:, c], table[:, d]) for c, d in pairs)
            scaled = (_scaled(split, other, c, table, d, rows) for c, d in pairs)
            if (place := next((found for found in chain(plain, scaled) if found is not None), None)) is not None:
                yield f"at the rows of `{name}` that the inputs are", place
    elif field is not None and split.fetch is not None:
        keys = [_key(_first(split.fetch(int(split.ids[row])))) for row in rows]
        texts = {name: values for name, values in lists.items() if values.dtype.kind == "U"}
        for name, collection in (collections | texts).items() if None not in keys else ():
            if (places := _among(keys, [_key(entry) for entry in collection])) is not None:
                yield f"at the places in `{name}` of the inputs", places
                yield from _beside(len(collection), places, {other: held for other, held in texts.items() if other != name})


def _among(asked: list[Any], entries: list[Any]) -> numpy.ndarray | None:
    """(n,) the place of each; None where they do not all stand there, or many entries more than once."""
    known = {key: place for place, key in enumerate(entries)}
    places = numpy.array([known.get(key, -1) for key in asked])
    named = sum(key != "" for key in entries)  # nothing is nobody's name, however often it is there
    return places if len(known) >= CONTINUOUS * named and places.min() >= 0 else None


def _beside(length: int, places: numpy.ndarray, texts: dict[str, numpy.ndarray]) -> Iterator[tuple[str, numpy.ndarray]]:
    """Where the names or words that stand beside the inputs, in a list of as many, stand in a longer one: that which these were filtered from."""
    for one in texts.values():
        for name, longer in texts.items() if len(one) == length else ():
            if len(longer) > length and (there := _among(one[places].tolist(), longer.tolist())) is not None:
                yield f"at the places in `{name}` of the inputs", there


def _looked_up(asked: numpy.ndarray, column: numpy.ndarray) -> numpy.ndarray | None:
    """(n,) places of these numbers in the column; None where they do not all stand there, once each."""
    column = column.astype(numpy.float32)
    if not (column == asked[0]).any() or len(numpy.unique(column)) < CONTINUOUS * len(column):
        return None
    order = numpy.argsort(column, kind="stable")
    place = order[numpy.clip(numpy.searchsorted(column[order], asked), 0, len(column) - 1)]
    return place if (column[place] == asked).all() else None


def _scaled(split: Split, other: Split | None, column: int, table: numpy.ndarray, its: int, rows: numpy.ndarray) -> numpy.ndarray | None:
    """(n,) places of these rows where train and val together are the complete rows of a table, in one column to the last digit but for a mean and a deviation."""
    complete = numpy.flatnonzero(numpy.isfinite(table).all(1))
    both = [one for one in (split, other) if one is not None]
    if len(complete) != sum(one.samples for one in both) or any(len(one.ids) != one.samples or one.named(split.input().name) is None for one in both):
        return None
    ours, raw = numpy.concatenate([one.named(split.input().name).sample[:, column] for one in both]), table[complete, its].astype(float)
    if not min(ours.std(), raw.std()) > 0 or len(numpy.unique(raw)) < CONTINUOUS * len(raw) or numpy.corrcoef(numpy.sort(ours), numpy.sort(raw))[0, 1] < LINEAR:
        return None
    return complete[numpy.argsort(raw, kind="stable")][numpy.argsort(numpy.argsort(ours, kind="stable"), kind="stable")[rows]]


def _first(item: Any) -> Any:
    """The input of a sample."""
    item = list(item.values()) if isinstance(item, dict) else item
    return item[0] if isinstance(item, (tuple, list)) and item else item


def _key(entry: Any) -> Any:
    """The same for a sample, and for what centring and scaling make of it: where its largest and smallest values lie, channel by channel."""
    if isinstance(entry, str):
        return entry
    try:
        values = numpy.asarray(entry.detach() if isinstance(entry, torch.Tensor) else entry)
        if values.dtype.kind in "iub" and values.ndim == 1:
            return tuple(values.tolist())
        channels = values.reshape(len(values), -1) if values.ndim == 3 and len(values) <= 4 else values.reshape(1, -1)
        return tuple(tuple(numpy.argsort(channel, kind="stable")[[0, 1, 2, -3, -2, -1]].tolist()) for channel in channels)
    except (ValueError, TypeError, IndexError):
        return None


def _as_text(ways: Ways, total: int) -> Iterator[tuple[str, numpy.ndarray]]:
    """The same with names sorted as text, on the one side or on the other."""
    order = numpy.argsort(numpy.arange(total).astype(str), kind="stable") if ways else numpy.arange(0)
    yield from ((f"{said} with names sorted as text".strip(), way[place]) for said, place in ways for way in (order, numpy.argsort(order)))


def _is_another(place: numpy.ndarray, own: numpy.ndarray) -> bool:
    """Whether it is no mere shift of the place that the label was taken from, nor one that a forecast may have before it."""
    return numpy.unique(place - own, return_counts=True)[1].max() <= SHIFTED * len(place) and float((own > place).mean()) < AHEAD


def _deduplicated(ways: Iterable[tuple[str, numpy.ndarray]]) -> Ways:
    """The first of those that lead to the same places."""
    once: dict[bytes, tuple[str, numpy.ndarray]] = {}
    for said, place in islice(ways, 2 * WAYS):
        once.setdefault(place.astype(numpy.int64).tobytes(), (said, place.astype(numpy.int64)))
    return list(once.values())[:WAYS]


def _length(dataset: Any) -> int:
    try:
        return len(dataset)
    except TypeError:
        return 0
