"""Are the classes even enough, and do class weights point the right way?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.data.classes.balance import Balance
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.checks.judging import ENOUGH, alone_with, part_of_a_block, why_no_labels
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook, Field, Labels, LoaderLook

WARN_FROM = 20.0  # most frequent over rarest class
TELL_FROM = 10.0  # from here on it is worth knowing
WRONG_WAY_FROM = 3.0  # imbalance at which the direction of class weights matters
CLEAR = 1.5  # two weights differ clearly from this ratio on


@data_audit.check("ND107", "imbalance", severity=WARNING)
def imbalance(look: DataLook) -> Iterator[Seen]:
    """Classes very uneven and nothing compensates, or class weights that point the wrong way.

    Wrong: a model that always says the most frequent class is then hard to beat, and rare classes are not learnt.
    Seen: classes as the loader delivers them (so a sampler counts), one label a sample, at least 30 samples a class on
        average: more than 20 to 1 with nothing but the plain loss, and no class weights, warns; 10 to 1 is worth
        knowing, and no more than that without a model. Weights that grow with frequency at more than 3 to 1 are an error, of pixels, tokens and tags as well;
        of a loss of your own it is measured how hard it pulls at each class where all outputs are alike.
    Where: the rarest class, the class weights.
    Try: class weights inverse to frequency, a WeightedRandomSampler, or a metric that sees the rare class.
    Bad:
        rare = ((targets == 0) & (torch.arange(256) < 80)).long()
        train_loader = DataLoader(TensorDataset(inputs, rare), batch_size=32, shuffle=True)
    Good:
        rare = ((targets == 0) & (torch.arange(256) < 80)).long()
        train_loader = DataLoader(TensorDataset(inputs, rare), batch_size=32, shuffle=True)
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
        loss_fn = nn.CrossEntropyLoss(weight=torch.tensor([0.5, 16.0]))
    Source: King and Zeng, Logistic regression in rare events data (2001); the ratios are our choice.
    """
    if (alone := alone_with(look)) is not None and alone.balances:
        yield from _counted(alone.balances[0])
        return
    weighed = [seen for field, labels in look.labels() if labels.dense for seen in _wrong_way_by_pixel(look.train, field, labels)]
    if weighed:
        yield from weighed
        return
    tagged = [seen for field, labels in look.labels() if labels.tags for seen in _wrong_way_by_tag(look.train, field, labels)]
    if tagged:
        yield from tagged
        return
    reasons = {field.name: _why_not_judged(look.train, labels) for field, labels in look.labels()}
    if not reasons or all(reasons.values()):
        raise NotChecked(next(iter(reasons.values()), "") or why_no_labels(look))
    for field, labels in look.labels():
        if not reasons[field.name]:
            yield from _uneven_classes(look.train, field, labels)


def _counted(found: Balance) -> Iterator[Seen]:
    """Without a model, what makes up for it cannot be seen."""
    kinds, labelled = found.classes, found.samples - found.missing
    seen = [(name, count) for name, count in found.counts if count]
    if found.kind != "classes" or kinds < 2 or labelled < ENOUGH * kinds or not found.mixed:
        raise NotChecked(_why_not_counted(found))
    (common, most), (rare, least) = seen[0], seen[-1]
    if most < TELL_FROM * least:
        return
    message = f"class {common} has {most:,} samples, class {rare} has {least:,} ({most / least:.0f} to 1)"
    without = sum(not batch[min(kinds, len(batch)) - 1] for batch in found.batches) if kinds <= len(next(iter(found.batches), ())) else 0
    if without and len(found.batches) > 1:
        message += f"; {without} of the first {len(found.batches)} batches hold none of it"
    evidence = {"split": found.split, "ratio": most / least, "most": most, "least": least, "common_class": common, "rare_class": rare}
    advice = "class weights inverse to frequency, or a WeightedRandomSampler; and judge by a metric that sees the rare class"
    yield Seen(message, Location(detail=f"{found.split} {found.field}, class {rare}"), evidence, severity=INFO, advice=advice)


def _why_not_counted(found: Balance) -> str:
    if found.kind != "classes":
        return "several tags may hold at once: how rare one is stands in the table"
    if found.classes < 2:
        return f"only {found.classes} class occurs"
    if not found.mixed:
        return "the labels come in blocks and not all were read"
    return f"{found.samples:,} samples of {found.classes:,} class{'es' if found.classes != 1 else ''} are too few"


def _why_not_judged(loader: LoaderLook, labels: Labels) -> str:
    if not labels.per_sample:
        return "there are many labels a sample, as of pixels, tokens or tags, or the loader does not tell what a sample is"
    if labels.outside and labels.scored:
        return "there are labels outside the head's classes"
    kinds, samples = len(_shares(labels)), sum(count for _, count in _shares(labels))
    if any(label != int(label) for label, _ in labels.counts):
        return "the targets are no whole classes"
    if samples < ENOUGH * kinds:
        return f"{samples:,} samples of {kinds:,} class{'es' if kinds != 1 else ''} are too few"
    return "the labels come in blocks and not all were read" if part_of_a_block(loader, labels) else ""


def _uneven_classes(loader: LoaderLook, field: Field, labels: Labels) -> Iterator[Seen]:
    shares = _shares(labels)
    if len(shares) < 2:
        return
    (common, most), (rare, least) = max(shares, key=lambda pair: pair[1]), min(shares, key=lambda pair: pair[1])
    ratio, favour = most / least, _favour(labels, common, rare)
    evidence = {"ratio": ratio, "most": most, "least": least, "common_class": common, "rare_class": rare}
    counted = f"class {common:g} has {most:,} samples, class {rare:g} has {least:,} ({ratio:.0f} to 1)"
    place = f"{loader.name} {field.name}, class {rare:g}"
    if ratio > WRONG_WAY_FROM and favour is not None and favour >= CLEAR:
        name = "loss_fn" if labels.pulled else "loss_fn.weight" if labels.weights else "loss_fn.pos_weight"
        counts = f"pulls {favour:.3g} times as hard at a sample of class {common:g}, where the outputs are all alike" if labels.pulled else f"counts class {common:g} {favour:.3g} times as much"
        yield Seen(
            f"{counted}, yet {name} {counts}",
            Location(detail=f"{name}, {place}"), {**evidence, "favour": favour}, severity=ERROR,
            advice=_weights_that_would_do(labels, common),
        )  # fmt: skip
    elif ratio >= TELL_FROM and not _compensated(labels, favour):
        alarming = ratio > WARN_FROM and labels.plain
        yield Seen(
            f"{counted}, and neither weights in the loss nor a sampler make up for it", Location(detail=f"loss_fn, {place}"), evidence,
            severity=WARNING if alarming else INFO, advice=_weights_that_would_do(labels, common),
        )  # fmt: skip


def _wrong_way_by_pixel(loader: LoaderLook, field: Field, labels: Labels) -> Iterator[Seen]:
    """Classes of pixels or tokens are uneven in any picture and text; but weights that follow how often they occur are none that make up for it."""
    yield from (seen for seen in _uneven_classes(loader, field, replace(labels, counts=labels.dense)) if seen.severity is ERROR)


def _wrong_way_by_tag(loader: LoaderLook, field: Field, labels: Labels) -> Iterator[Seen]:
    """Of several tags at once: a pos_weight below one at every rare tag says that its few positives count less still."""
    rare = [(number, count, weight) for number, (count, weight) in enumerate(labels.tags) if labels.rows - count > WRONG_WAY_FROM * count and count and weight > 0]
    if len(rare) < 2 or labels.rows < ENOUGH * 2 or any(weight > 1 / CLEAR for _, _, weight in rare):
        return
    number, count, weight = min(rare, key=lambda one: one[1])
    message = f"tag {number} holds in {count:,} of {labels.rows:,} samples, yet loss_fn.pos_weight counts them {weight:.3g} times as much as the others, and so it is with all {len(rare)} rare tags"
    evidence = {"tag": number, "positives": count, "samples": labels.rows, "pos_weight": weight, "tags": len(rare)}
    yield Seen(message, Location(detail=f"loss_fn.pos_weight, {loader.name} {field.name}, class {number}"), evidence, severity=ERROR, advice="pos_weight = negatives / positives, tag by tag")


def _shares(labels: Labels) -> list[tuple[float, int]]:
    """Delivered counts of the classes that the head has."""
    highest = 1 if labels.kind == "binary" else (labels.classes or 0) - 1
    return [(label, count) for label, count in labels.counts if 0 <= label <= highest]


def _favour(labels: Labels, common: float, rare: float) -> float | None:
    """By how much the loss weighs the common class more than the rare one; None when it weighs no class."""
    if labels.kind == "binary":
        if labels.pos_weight is None or labels.pos_weight <= 0:
            return None
        return labels.pos_weight if common == 1 else 1 / labels.pos_weight
    if len(labels.weights) != labels.classes:
        return None
    high, low = labels.weights[int(common)], labels.weights[int(rare)]
    return high / low if low > 0 and high > 0 else None  # a class of weight 0 is left out on purpose


def _compensated(labels: Labels, favour: float | None) -> bool:
    if favour is None:  # weights that cannot be told apart by class get the benefit of the doubt
        return bool(labels.weights) or labels.pos_weight is not None
    return favour <= 1 / CLEAR


def _weights_that_would_do(labels: Labels, common: float) -> str:
    if labels.kind == "binary":
        counts = dict(labels.counts)
        return f"pos_weight=torch.tensor({counts.get(0.0, 0) / max(1, counts.get(1.0, 0)):.3g}), or a WeightedRandomSampler"
    return f"weight=counts.sum() / (len(counts) * counts), so that class {common:g} counts least, or a WeightedRandomSampler"
