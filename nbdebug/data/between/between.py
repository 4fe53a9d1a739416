"""What train and validation share, and how they differ: copies, preparation, drift, class shift."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy

from nbdebug.data.accompanying import accompanies, is_place_in_batch
from nbdebug.data.between.augmented import changes_when_read
from nbdebug.data.between.class_shares import class_shift
from nbdebug.data.between.copies import copies, repeated
from nbdebug.data.between.drift import (
    SIGNALS,
    category_drifts,
    class_weights,
    drifts,
    is_independent,
    sorted_before,
    sorted_by_another,
    token_drifts,
)
from nbdebug.data.between.found import (
    ClassShift,
    Drift,
    Embedding,
    Overlap,
    Preparation,
    Repeats,
    SharedGroup,
)
from nbdebug.data.between.groups import shared_groups
from nbdebug.data.between.kin import shared_kin
from nbdebug.data.between.ks import chance, distances
from nbdebug.data.between.litters import shared_litters
from nbdebug.data.between.mmd import embedding, looks_apart
from nbdebug.data.between.near import near_copies
from nbdebug.data.between.parts import (
    AS_MUCH,
    COLUMNS,
    GROUPED,
    SHARE,
    classes_of,
    columns_apart,
    differ_by,
    groups,
)
from nbdebug.data.between.preparation import (
    FEWEST,
    RARELY,
    SLACK,
    preparation,
    standard,
    standardised,
    within_reach,
)
from nbdebug.data.between.prepared_codes import prepared_codes
from nbdebug.data.between.prepared_entries import prepared_entries
from nbdebug.data.between.prepared_fit import prepared_fit
from nbdebug.data.between.prepared_images import prepared_images
from nbdebug.data.between.prepared_law import prepared_law
from nbdebug.data.between.prepared_turned import prepared_turned
from nbdebug.data.between.same_items import same_items
from nbdebug.data.between.schema import ranges, schema
from nbdebug.data.between.turned_copies import turned_copies
from nbdebug.data.between.views import View, profiles, views
from nbdebug.data.between.windows import overlapping_windows
from nbdebug.data.context import Context, Flag
from nbdebug.data.split import Split
from nbdebug.lines.undone import turns_back
from nbdebug.page import Panel

NEEDED = 0.3  # seconds that must be left for kernels, and for a comparison of entries
IN_BATCH = re.compile(r"\b(offsets?|indptr|ptr)\b", re.I)  # places in the batch, which grow with its size
QUICK = 1_000_000  # pairs of samples that a checkup compares as well
FAR_OFF, OUTSIDE = 5.0, 0.9  # standard deviations that the mean of val lies off, and its share beyond all of train; our choice: a straight trend gives 2.2
OFF = 3.0  # the same of signals that are samples by themselves, and not the next stretch of one recording
APART, SAME_SHAPE = 0.9, 0.1  # distance of targets in two units, and what the shapes may differ by: a stretch of a series has another than the whole; our choice
MOVED = 0.4  # distance of the targets, from which rows of val are others than those of train; our choice
FADED = 0.5  # of a drift that must remain when the classes are given the same shares


@dataclass(frozen=True)
class BetweenLook:
    """What train and validation share, and how they differ: copies, preparation, drift, class shift."""

    train: str = ""  # names of the splits
    val: str = ""
    train_samples: int = 0  # read
    val_samples: int = 0
    words: tuple[str, str] = ("sample", "sample")  # what a number of train, of val, is: "dataset index" or "sample"
    overlaps: tuple[Overlap, ...] = ()  # the surest first
    repeats: Repeats | None = None  # within train
    groups: tuple[SharedGroup, ...] = ()
    preparations: tuple[Preparation, ...] = ()
    drifts: tuple[Drift, ...] = ()  # columns, the worst first
    embeddings: tuple[Embedding, ...] = ()
    class_shift: ClassShift | None = None
    augmented: bool = False  # train gives other values each time it is read
    alone: bool = True  # there was no val

    def panels(self) -> tuple[Panel, ...]:
        """What both have, how far columns differ, the worst of them side by side, class shares."""
        from nbdebug.data.between.panels import panels

        return panels(self)

    def flagged(self) -> tuple[Flag, ...]:
        """The samples of the pairs, of both sides."""
        flags: list[Flag] = []
        for overlap in self.overlaps:
            if overlap.significant:
                word = "nearly " if overlap.how == "near" else ""
                flags.append(Flag(self.val, tuple(pair.val for pair in overlap.pairs), f"{word}also in {self.train}"))
                flags.append(Flag(self.train, tuple(pair.train for pair in overlap.pairs), f"{word}also in {self.val}"))
        return tuple(flags)


def between(train: Split, val: Split | None, context: Context) -> BetweenLook:
    """Of two splits; of one alone, only what it holds twice."""
    again = repeated(train)
    words = tuple("dataset index" if split is not None and split.by_index else "sample" for split in (train, val))
    if val is None:
        return BetweenLook(train.name, "", train.samples, 0, words, repeats=again)
    look = BetweenLook(train.name, val.name, train.samples, val.samples, words, _overlaps(train, val, context, again), again, alone=False)
    if not train.samples or not val.samples:
        return look
    look = replace(look, groups=tuple(shared_groups(train, val)), class_shift=class_shift(train, val))
    return _differences(look, train, val, context)


def _overlaps(train: Split, val: Split, context: Context, again: Repeats | None) -> tuple[Overlap, ...]:
    exact = copies(train, val, again)
    index = same_items(train, val, context)
    if index is not None and exact is not None:  # the same samples, seen in two ways
        exact, index = (replace(exact, same=index.same), None) if exact.count >= index.count else (None, index)
    near = near_copies(train, val, context, exact) if index is None and (context.whole or _is_quick(train, val)) else None
    litters = None
    if index is None and not any(overlap is not None and overlap.significant for overlap in (exact, near)):
        litters = shared_litters(train, val) or turned_copies(train, val, again) or shared_kin(train, val)
    setup = context.setup
    same = setup is not None and setup.val_loader is setup.train_loader
    known = index is not None or any(overlap is not None and overlap.significant for overlap in (exact, near, litters))
    windows = None if known else overlapping_windows(train, val)
    found = tuple(overlap for overlap in (index, exact, near, litters, windows) if overlap is not None)
    return tuple(replace(overlap, same="loader") for overlap in found) if same else found


def _is_quick(train: Split, val: Split) -> bool:
    """Whether a search takes but a moment: in a checkup it must."""
    return train.whole and len(train.ids) * len(val.ids) <= QUICK and train.samples == len(train.ids)


def _differences(look: BetweenLook, train: Split, val: Split, context: Context) -> BetweenLook:
    seen = [view for view in views(train, val) if not IN_BATCH.search(view.field) and not is_place_in_batch(train, train.named(view.field))]
    raw = {view.field: drifts(view) for view in seen}
    augmented = any(d.distance > 0.2 for found in raw.values() for d in found) and changes_when_read(train, context)
    prepared = schema(train, val)
    chosen = _other_targets(look, seen, raw, train)
    for view in seen:
        if raw[view.field] and train.named(view.field).role == "input":
            found = preparation(view, chosen) + prepared_images(view, augmented)
            prepared += found or ranges(train.named(view.field), val.named(view.field))
    order, own = (split.ids.argsort(kind="stable") if split.by_index else numpy.arange(len(split.ids)) for split in (train, val))
    for theirs in train.fields:
        ours = val.named(theirs.name)
        beside = accompanies(theirs) or is_place_in_batch(train, theirs)
        if ours is not None and theirs.role == "input" and theirs.kind == ours.kind and not beside and context.left > NEEDED:
            prepared += prepared_entries(theirs, ours)
            if not any(one.field == theirs.name for one in prepared) and not augmented:
                prepared += prepared_codes(theirs, ours, order, own) or prepared_fit(theirs, ours) or prepared_turned(theirs, ours) or prepared_law(train, val, theirs, ours)
    prepared += [found for view in seen if train.named(view.field).role == "target" and raw[view.field] and not augmented for found in _as_it_was(view)]
    explained = {p.field for p in prepared if p.sure}
    if explained:  # what is to be given out as it came in is prepared as it is
        explained |= {view.field for view in seen if view.field not in explained and raw[view.field] and train.named(view.field).role == "target" and len(view.names) > 1 and preparation(view)}
    found = [d for view in seen if view.field not in explained for d in _judged(view, raw[view.field], look, train, val, augmented)]
    found += [d for d in (*category_drifts(train, val), *token_drifts(train, val)) if d.field not in explained]
    cut = [d for d in sorted_before(train, val) if d.field not in explained] if not augmented else []
    if cut:
        found = [replace(d, sorted_by=cut[0].sorted_by) if not d.why_legal else d for d in found]
    if not any(not d.why_legal for d in found) and not augmented:
        found += cut or [d for view in seen if view.field not in explained and train.by_index for d in sorted_by_another(view, [one for one in found if one.field == view.field])]
        found += [d for d in _along(look, train, val, context) if d.field not in explained]
    clear = any(not d.why_legal for d in found) or augmented  # a checkup asks no more
    kernels = _kernels(look, train, val, context, explained, augmented) if context.whole or not clear else ()
    if not augmented and any(not one.why_legal for one in kernels) and changes_when_read(train, context):
        augmented, kernels = True, tuple(replace(one, why_legal=one.why_legal or "train is augmented") for one in kernels)
    found.sort(key=lambda d: (bool(d.why_legal), -d.distance))
    return replace(look, preparations=tuple(prepared), drifts=tuple(found), embeddings=kernels, augmented=augmented)


def _as_it_was(view: View) -> list[Preparation]:
    """Targets that are standardised in train alone, or a logarithm there, while nothing in the text turns predictions back: then loss and metrics of val compare two units."""
    if view.kind not in ("tabular", "quantity") or min(len(view.train), len(view.val)) < FEWEST:
        return []
    before = float(distances(view.train, view.val).max())
    if before < APART or turns_back() is not False:
        return []
    if not within_reach(view):
        said, after = "train's are standardised, val's are not" if standard(view.train) else "train's are scaled, val's are not", float(distances(standardised(view.train), standardised(view.val)).max())
    else:
        with numpy.errstate(all="ignore"):
            said, after = "train's are the logarithm of what val's are", float(distances(numpy.exp(view.train), view.val).max())
    bound = chance(len(view.train), len(view.val), RARELY / len(view.names)) + SLACK
    if after > bound + SAME_SHAPE:
        return []
    rule = f"{said}, and nothing in the text turns predictions back: the loss of val compares numbers in two units"
    return [Preparation(view.field, (), rule, before, after, bound + SAME_SHAPE, True)]


def _other_targets(look: BetweenLook, seen: list[View], raw: dict[str, list[Drift]], train: Split) -> bool:
    """Whether val holds other targets than train, but in the same units: then its rows were chosen otherwise."""
    if look.class_shift is not None and look.class_shift.variation >= MOVED:
        return True
    targets = [view.field for view in seen if train.named(view.field).role == "target"]
    return any(drift.distance >= MOVED and drift.shift is not None and abs(drift.shift) < FAR_OFF for field in targets for drift in raw[field])


def _along(look: BetweenLook, train: Split, val: Split, context: Context) -> list[Drift]:
    """Drifts of series in parts of them only, those that nothing explains."""
    found = [d for view in profiles(train, val) for d in _judged(view, drifts(view), look, train, val, False) if not d.why_legal]
    return found if found and not changes_when_read(train, context) else []


def _judged(view: View, found: list[Drift], look: BetweenLook, train: Split, val: Split, augmented: bool) -> list[Drift]:
    """The drifts with what else may explain them."""
    weights = class_weights(train, view, look.class_shift, val) if found and look.class_shift is not None else None
    if weights is not None:
        left = {drift.column: drift.distance for drift in drifts(view, weights)}
        found = [replace(d, why_legal=d.why_legal or "it follows from the shares of the classes") if left.get(d.column, 0.0) < FADED * d.distance else d for d in found]
    if train.named(view.field).role == "target" and standard(view.train) != standard(view.val):
        found = [replace(d, why_legal=d.why_legal or "one of the two is standardised, as targets may be in training alone") for d in found]
    if augmented:
        found = [replace(d, why_legal=d.why_legal or "train is augmented") for d in found]
    if any(d.why_legal in ("", GROUPED) for d in found) and view.kind not in ("text", "tokens"):
        found = _grouped(view, found, train)
    if train.stopped or not train.whole:
        found = [replace(d, why_legal=d.why_legal or "not all of train was read") if not _shuffled(train) else d for d in found]
    return found


def _grouped(view: View, found: list[Drift], train: Split) -> list[Drift]:
    """Rows of a few subjects or sites, also where they lie mixed: parts differ as much in the same column, or in a good part of the others."""
    classes = classes_of(train, view.rows)
    mixed = groups(view.train, classes)
    reached = columns_apart(view.train[view.order], None if classes is None else classes[view.order], mixed[:, view.order], view.share)
    told = []
    for drift in found:
        if not drift.why_legal:
            far, beyond = differ_by(view.train[:, view.names.index(drift.column)], mixed)
            others = (reached > AS_MUCH * drift.distance).sum()
            if (beyond and far > AS_MUCH * drift.distance) or others >= max(COLUMNS, SHARE * len(reached)):
                drift = replace(drift, why_legal=GROUPED)
        if drift.why_legal == GROUPED and _is_beyond(view, drift):
            drift = replace(drift, why_legal="")
        told.append(drift)
    return told


def _is_beyond(view: View, drift: Drift) -> bool:
    """Whether val lies where nothing of train does, and far off: a site or subject among several is not, and neither is a trend that goes on."""
    column = view.names.index(drift.column)
    train, val = view.train[:, column], view.val[:, column]
    low, high = numpy.nanmin(train), numpy.nanmax(train)
    outside = float(((val < low) | (val > high)).mean())
    if drift.shift is None or outside < OUTSIDE:
        return False
    return abs(drift.shift) >= FAR_OFF or abs(drift.shift) >= OFF and view.kind in SIGNALS and is_independent(train[view.order])


def _shuffled(split: Split) -> bool:
    """Whether samples came in no order of the dataset, so that the first of them stand for all."""
    ids = split.ids
    return split.by_index and len(ids) > 2 and bool((ids[1:] < ids[:-1]).mean() > 0.2)


def _kernels(look: BetweenLook, train: Split, val: Split, context: Context, explained: set[str], augmented: bool) -> tuple[Embedding, ...]:
    found = []
    for theirs in train.fields:
        ours = val.named(theirs.name)
        if ours is None or theirs.role != "input" or accompanies(theirs) or is_place_in_batch(train, theirs) or theirs.name in explained or context.left < NEEDED:
            continue
        if not context.whole and not looks_apart(theirs, ours):
            continue
        one = embedding(train, val, theirs, ours)
        if one is None:
            continue
        legal = one.why_legal or ("train is augmented" if augmented else "")
        if not legal and look.class_shift is not None and look.class_shift.variation > 0.2:
            legal = "the shares of the classes differ"
        if not legal and not train.whole and not _shuffled(train):
            legal = "not all of train was read"
        found.append(replace(one, why_legal=legal))
    return tuple(found)
