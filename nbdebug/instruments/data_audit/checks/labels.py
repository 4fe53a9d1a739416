"""Do the labels fit the head?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.checks.judging import ENOUGH, part_of_a_block, places, why_no_labels
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook, Field, Labels, LoaderLook


@data_audit.check("ND103", "label domain", severity=ERROR)
def label_domain(look: DataLook) -> Iterator[Seen]:
    """Targets outside the classes the head has, or a class that never occurs.

    Wrong: a class index outside 0..C-1 stops cross-entropy (on a GPU it ends the CUDA context), and a binary target
        outside 0..1 makes a loss without a floor.
    Seen: every target read is held against C as the loss call sees it; ignore_index is legal. Then the batch of the
        first offender is tried: targets that the loss leaves out (masked, weight 0) are sound. A class without
        samples, where 30 a class were to be expected, is worth knowing.
    Where: the head, the dataset index of the first offenders.
    Try: subtract 1 from labels that run from 1, widen the head, or name the marker as ignore_index.
    Bad:
        train_loader = DataLoader(TensorDataset(inputs, targets + 1), batch_size=32, shuffle=True)
    Good:
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Source: torch documentation, CrossEntropyLoss and BCEWithLogitsLoss.
    """
    if not look.labels():
        raise NotChecked(why_no_labels(look))
    for loader in look.loaders:
        for field, labels in look.labels(loader):
            if labels.outside and labels.scored:
                yield _outside(loader, field, labels)
    for field, labels in look.labels():
        missing = _never_occurring(look.train, labels)
        if missing and not labels.outside:
            yield _never(look.train, field, labels, missing)


def _outside(loader: LoaderLook, field: Field, labels: Labels) -> Seen:
    values = ", ".join(f"{value:.4g}" for value in labels.outside_values)
    run = f"{field.name} run {labels.lowest:.4g}..{labels.highest:.4g}"
    if labels.kind == "binary":
        expects, advice = f"{labels.loss} expects 0..1", "make the targets 0 and 1, e.g. (targets + 1) / 2 for -1 and 1"
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


def _never(loader: LoaderLook, field: Field, labels: Labels, missing: list[int]) -> Seen:
    named = ", ".join(map(str, missing[:8])) + (", …" if len(missing) > 8 else "")
    message = f"class {named} never occurs in {loader.samples:,} samples; {field.name} run {labels.lowest:.4g}..{labels.highest:.4g}"
    detail = f"{loader.name} {field.name}, class {named}"
    evidence = {"missing": len(missing), "classes": labels.classes, "samples": loader.samples}
    advice = "is the head wider than need be, or does the split or a filter lose a class?"
    return Seen(message, Location(module=labels.head, detail=detail), evidence, severity=INFO, advice=advice)
