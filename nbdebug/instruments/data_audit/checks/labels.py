"""Do the labels fit the head?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.classes import ClassLook
from nbdebug.data.classes.balance import Balance
from nbdebug.data.classes.names import Numbered, Twins, Unshared
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.checks.judging import ENOUGH, part_of_a_block, places, why_no_labels
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook, Field, Labels, LoaderLook

NUMBERED_FROM = 20  # samples from which the numbers of the classes say something
IGNORED = 0.5  # of an even share of one class, from which samples without a label may be those of a class that never occurs; our choice
OPEN_FROM = 0.25  # of val's classes that train lacks: without a model this is taken for a set that is open on purpose; our choice
ACCIDENT = 1e-3  # how likely a random division may leave a class to one side, and it still counts as one; our choice


@data_audit.check("ND103", "label domain", severity=ERROR)
def label_domain(look: DataLook) -> Iterator[Seen]:
    """Targets outside the classes the head has, or a class that never occurs.

    Wrong: a class index outside 0..C-1 stops cross-entropy (on a GPU it ends the CUDA context), and a binary target
        outside 0..1 makes a loss without a floor.
    Seen: every target read is held against C as the loss call sees it; ignore_index is legal. Then the batch of the
        first offender is tried: targets that the loss leaves out (masked, weight 0) are sound. A class without
        samples, where 30 a class were to be expected, is worth knowing; a warning where it is the only one, not the last, each
        of the others has 30 (our choice), and val does without it too, or where so many samples carry ignore_index instead. Also without a model: classes that val has and
        train lacks (unless a random division would do so once in a thousand, train has but one class, the two share few or
        none, as in open sets and few-shot learning, or a model has no output for them), and names that differ by blanks or
        by type alone, such as "cat" and "cat ", or 1 and "1".
    Where: the head, the dataset index of the first offenders; the classes.
    Try: subtract 1 from labels that run from 1, widen the head, or name the marker as ignore_index.
    Bad:
        train_loader = DataLoader(TensorDataset(inputs, targets + 1), batch_size=32, shuffle=True)
    Good:
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Source: torch documentation, CrossEntropyLoss and BCEWithLogitsLoss.
    """
    seen = [*_held_against_the_head(look), *_names(look)]
    known = look.classes is not None and look.classes.kind in ("classes", "tags") and look.classes.alone
    if not seen and not look.labels() and not known:
        raise NotChecked(why_no_labels(look))
    yield from seen


def _held_against_the_head(look: DataLook) -> Iterator[Seen]:
    for loader in look.loaders:
        for field, labels in look.labels(loader):
            if labels.outside and labels.scored:
                yield _outside(loader, field, labels)
    for field, labels in look.labels():
        missing = _never_occurring(look.train, labels)
        if missing and not labels.outside:
            yield _never(look, field, labels, missing)
        elif (lost := _left_out_whole(labels)) is not None:
            yield _left_out(look, field, labels, lost)


def _outside(loader: LoaderLook, field: Field, labels: Labels) -> Seen:
    values = ", ".join(f"{value:.4g}" for value in labels.outside_values)
    run = f"{field.name} run {labels.lowest:.4g}..{labels.highest:.4g}"
    if labels.kind == "binary":
        expects, advice = f"{labels.loss} expects 0..1", _mend_binary(labels)
    else:
        classes = labels.classes or 0
        expects, advice = f"the head has {classes} outputs (0..{classes - 1})", _mend(labels, classes)
    message = f"{run}, but {expects}: {labels.outside:,} lie outside ({values})"
    detail = f"{loader.name} {field.name}, {places(labels.outside_where, labels.outside)}"
    evidence = {
        "lowest": labels.lowest, "highest": labels.highest, "classes": labels.classes, "outside": labels.outside,
        "first_outside": labels.outside_values[0],
    }  # fmt: skip
    return Seen(message, Location(module=labels.head, detail=detail), evidence, advice=advice)


def _mend_binary(labels: Labels) -> str:
    if (labels.lowest, labels.highest) == (1, 2):
        return "do the labels start at 1? subtract 1"
    if (labels.lowest, labels.highest) == (-1, 1):
        return "make the targets 0 and 1: (targets + 1) / 2"
    if labels.lowest >= 0 and labels.highest == 255:
        return "make the targets 0 and 1: targets / 255"
    return "make the targets 0 and 1"


def _mend(labels: Labels, classes: int) -> str:
    if (labels.lowest, labels.highest) == (1, classes):
        return "do the labels start at 1? subtract 1"
    if labels.loss and len(labels.outside_values) == 1 and (labels.outside_values[0] < 0 or labels.outside_values[0] == 255):
        return f"if {labels.outside_values[0]:g} marks what is to be left out, pass ignore_index={labels.outside_values[0]:g}"
    if labels.lowest >= 0:
        return f"give the head {labels.highest + 1:.0f} outputs, or map the labels to 0..{classes - 1}"
    return f"map the labels to 0..{classes - 1}"


def _never_occurring(loader: LoaderLook, labels: Labels) -> list[int]:
    """Classes of the head without a sample, where enough were read to expect one of each."""
    classes = 2 if labels.kind == "binary" else labels.classes or 0
    seen = {label for label, _ in labels.counts}
    fractions = any(label != int(label) for label in seen)
    if not labels.per_sample or not labels.loss or fractions or loader.samples < ENOUGH * classes:
        return []
    return [] if part_of_a_block(loader, labels) else [label for label in range(classes) if label not in seen]


def _never(look: DataLook, field: Field, labels: Labels, missing: list[int]) -> Seen:
    loader = look.train
    named = ", ".join(map(str, missing[:8])) + (", …" if len(missing) > 8 else "")
    message = f"class {named} never occurs in {loader.samples:,} samples; {field.name} run {labels.lowest:.4g}..{labels.highest:.4g}"
    detail = f"{loader.name} {field.name}, class {named}"
    evidence = {"missing": len(missing), "classes": labels.classes, "samples": loader.samples}
    advice = "is the head wider than need be, or does the split or a filter lose a class?"
    skipped = _is_skipped(look, field, labels, missing)
    if skipped:
        rarest = min(count for _, count in labels.counts)
        message += f", and each of the other {len(labels.counts)} classes has {rarest:,} or more"
        advice = "do the labels start at 1? subtract 1" if missing == [0] else "number the classes 0, 1, 2, … without a hole"
        advice += ", and give the head one output less; or look for what filtered the class out"
    ignored = loader.samples - sum(count for _, count in labels.counts) if labels.ignore_index is not None and labels.counts else 0
    if ignored >= IGNORED * loader.samples / (labels.classes or 2):
        message += f", while {ignored:,} samples carry {labels.ignore_index}, which {labels.loss} leaves out"
        advice = "are these the samples of the missing class? look how a label becomes its number: a name that the table lacks, a default"
        skipped, evidence = True, {**evidence, "ignored": ignored}
    return Seen(message, Location(module=labels.head, detail=detail), evidence, severity=WARNING if skipped else INFO, advice=advice)


def _left_out_whole(labels: Labels) -> int | None:
    """The one class of pixels or tokens that never occurs, while many in the midst of the others carry ignore_index."""
    present, classes = dict(labels.present), labels.classes or 0
    absent = [label for label in range(classes) if label not in present]
    if labels.outside or len(absent) != 1 or classes < 3 or absent[0] == classes - 1 or min(present.values()) < ENOUGH:
        return None
    return absent[0] if labels.skipped >= IGNORED * sum(present.values()) / classes else None


def _left_out(look: DataLook, field: Field, labels: Labels, lost: int) -> Seen:
    scored = sum(count for _, count in labels.present)
    message = (
        f"class {lost} never occurs among {scored:,} labels of {field.name} that are scored, each of the other {len(labels.present)} classes does; and "
        f"{labels.skipped:,} in their midst carry {labels.ignore_index}, which {labels.loss} leaves out: the model is never told of class {lost}"
    )
    evidence = {"missing": 1, "classes": labels.classes, "samples": scored, "ignored": labels.skipped}
    advice = f"are these the missing class? mark padding by {labels.ignore_index} where the padding lies, not where the label is {lost}"
    return Seen(message, Location(module=labels.head, detail=f"{look.train.name} {field.name}, class {lost}"), evidence, severity=WARNING, advice=advice)


def _is_skipped(look: DataLook, field: Field, labels: Labels, missing: list[int]) -> bool:
    """Whether one single class is left out from among well-filled ones, in all that was read: no spare output at the end, no rare class."""
    if len(missing) != 1 or len(labels.counts) < 2 or missing[0] == (labels.classes or 0) - 1 or min(count for _, count in labels.counts) < ENOUGH:
        return False
    others = [theirs for loader in look.loaders if loader is not look.train for name, theirs in look.labels(loader) if name.name == field.name]
    return look.train.whole and not any(label == missing[0] for theirs in others for label, _ in theirs.counts)


# -- by their names alone, with a model or without ----------------------------------------------------------------------


def _names(look: DataLook) -> Iterator[Seen]:
    found = look.classes
    if found is None or not found.balances:
        return
    first = found.balances[0]
    yield from (_twins(one, first.field) for one in found.twins)
    respelled = any(one.spelled for one in found.unshared)  # told once is enough
    yield from (_unshared(look, one, found) for one in found.unshared if one.split != first.split or not respelled)
    if found.alone:
        yield from (_without(one) for one in found.balances if one.missing)
        enough = first.samples - first.missing >= NUMBERED_FROM
        odd = [one for one in found.numbered if enough and (one.lowest == 1 or 0 < one.hole_count <= first.classes)]
        yield from (_numbered(one, first.field) for one in odd if one.split == first.split)


def _twins(one: Twins, field: str) -> Seen:
    differ = {"spaces": "by blanks alone", "type": "by type alone", "case": "by case alone"}[one.why]
    message = f"{' and '.join(one.labels)} differ {differ}: they count as {len(one.labels)} classes ({one.samples:,} samples carry the rarer)"
    advice = {
        "spaces": "strip() the labels", "type": "bring all labels to one type, e.g. map(str, labels)",
        "case": "lower() the labels, unless case tells classes apart",
    }  # fmt: skip
    evidence = {"split": one.split, "why": one.why, "names": len(one.labels), "rarer": one.samples}
    severity = INFO if one.why == "case" else WARNING
    return Seen(message, Location(detail=f"{one.split} {field}, class {one.labels[-1]}"), evidence, severity=severity, advice=advice[one.why])


def _unshared(look: DataLook, one: Unshared, found: ClassLook) -> Seen:
    """A class that val alone has is an alarm, unless chance may have done it, or the training is one that meets new classes."""
    train = found.balances[0]
    lacking = next((balance.split for balance in found.balances if balance.split != one.split), "")
    named = ", ".join(one.classes[:5]) + (", …" if one.count > 5 else "")
    message = f"class {named} of {one.split} ({one.samples:,} samples, {one.share:.1%}) does not occur in {lacking}"
    advice = f"stratify the split, so that {lacking} has every class"
    if one.spelled:
        message += "; " + ", ".join(f"{lacking} has {theirs} where {one.split} has {mine}" for mine, theirs in one.spelled[:3])
        advice = "spell the classes alike in both, by one table of names"
    elif one.split != train.split and train.classes == 1:
        advice = "in training on one class, to find what is odd, this is meant; else look for what filtered the others out"
    elif not _is_to_be_known(look, one, found):
        advice = f"meant for an open set, or where nothing has to name the classes; else stratify the split, so that {lacking} has them all"
    alarming = one.split != train.split and one.mixed and one.by_chance < ACCIDENT and _is_to_be_known(look, one, found)
    evidence = {"split": one.split, "classes": one.count, "of": one.of, "labelled": one.samples, "share": one.share, "by_chance": one.by_chance}
    location = Location(detail=f"{one.split} {train.field}, class {named}")
    return Seen(message, location, evidence, severity=WARNING if alarming else INFO, advice=advice)


def _is_to_be_known(look: DataLook, one: Unshared, found: ClassLook) -> bool:
    """Whether the model has to name these classes: not so in few-shot learning, open sets, and training on what is normal alone."""
    if one.spelled:
        return True
    if found.balances[0].classes == 1 or one.count == one.of and (found.alone or one.count + found.balances[0].classes != _outputs(look)):
        return False  # all classes are new, but where the model has an output for each of them and for each of train's
    if found.alone:
        return _is_cut(one, found) or one.count <= max(1, OPEN_FROM * one.of)
    return all(name.isdigit() and int(name) < _outputs(look) for name in one.classes)


def _outputs(look: DataLook) -> int:
    """The classes that the model can name."""
    head = next((labels for _, labels in look.labels() if labels.loss), None)
    return 2 if head is not None and head.kind == "binary" else (head.classes or 0) if head is not None else 0


def _is_cut(one: Unshared, found: ClassLook) -> bool:
    """Whether val begins with the one class that train ends with, as where data sorted by class is divided."""
    runs = [(run.lowest, run.highest) for run in found.numbered]
    return len(runs) == 2 and one.of - one.count == 1 and (runs[0][1] == runs[1][0] or runs[0][0] == runs[1][1])


def _without(one: Balance) -> Seen:
    message = f"{one.missing:,} of {one.samples:,} samples have no label (None or NaN)"
    advice = "leave them out, or give them the loss's ignore_index"
    return Seen(message, Location(detail=f"{one.split} {one.field}"), {"split": one.split, "missing": one.missing}, severity=INFO, advice=advice)


def _numbered(one: Numbered, field: str) -> Seen:
    message = f"labels run {one.lowest}..{one.highest}"
    if one.hole_count:
        message += f", and {', '.join(map(str, one.holes))}{', …' if one.hole_count > len(one.holes) else ''} never occurs"
    message += "; cross-entropy counts classes from 0, one output each"
    advice = "subtract 1 for a loss that counts from 0" if one.lowest == 1 and not one.hole_count else "map the labels to 0..C-1 by one table"
    evidence = {"split": one.split, "lowest": one.lowest, "highest": one.highest, "holes": one.hole_count}
    return Seen(message, Location(detail=f"{one.split} {field}"), evidence, severity=INFO, advice=advice)
