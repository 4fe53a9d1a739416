"""Are inputs and targets numbers, and does the loader get through?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug.data.features import Broken
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location, Severity
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.checks.judging import places
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import IDS, Broke, DataLook, Field, LoaderLook, NonFinite


@data_audit.check(
    "ND101", "non-finite data", severity=ERROR,
    advice="drop or fill these samples where the dataset is made, e.g. torch.nan_to_num or the column's median",
)  # fmt: skip
def nonfinite_input(look: DataLook) -> Iterator[Seen]:
    """NaN or Inf in inputs or targets.

    Wrong: one NaN in a batch makes the loss NaN, and after one step every weight.
    Seen: every value read is tested; then the loss of that very batch is computed, and its gradients. If they are finite all the same,
        the model treats NaN as a missing value or -Inf as a mask, and nothing is wrong. Without a model it warns, but for
        a mask of 0 and -Inf, padding at the ends of series, values that another field marks, and targets of which some
        are known of every sample. Missing values of a table are ND114.
        A few samples are read again with each step of their dataset listened to: one that gives NaN for finite numbers is named.
    Where: loader, tensor, dataset index and column of the first ones; the step that makes them.
    Try: drop the samples, fill the column with its median, or mask the values in the loss.
    Bad:
        inputs[17, 3] = float("nan")
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Good:
        inputs[17, 3] = 0.0
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Source: IEEE 754: any sum with a NaN is NaN.
    """
    for loader in look.loaders:
        for field in loader.fields:
            found = field.nonfinite
            if found is not None and not (found.mask_like and found.harmless):
                yield _nonfinite(loader, field, found)
        for broken in _only_gathered(look, loader):
            yield _unseen_by_the_model(loader, broken)


def _only_gathered(look: DataLook, loader: LoaderLook) -> list[Broken]:
    """What the pass saw and the model's eye did not: there is no model, or it was not shown these batches."""
    asked = look.features
    known = {field.name for field in loader.fields if field.nonfinite is not None}
    shown = {field.name for field in loader.fields}
    found = [b for b in asked.broken if b.split == loader.name and (not b.frame or b.infinite)] if asked is not None else []
    return [b for b in found if b.field not in known and (asked.alone or b.field in shown)]


def _unseen_by_the_model(loader: LoaderLook, broken: Broken) -> Seen:
    missing = 0 if broken.frame else broken.missing
    kinds = " and ".join(f"{n:,} {word}" for n, word in ((missing, "NaN"), (broken.infinite, "Inf")) if n)
    columns, ids = (broken.infinite_columns, broken.infinite_ids) if broken.frame else (broken.columns, broken.ids)
    inside = f" ({', '.join(columns)}{', …' if broken.column_count > len(columns) else ''})" if columns else ""
    beyond = "" if not loader.fields else ", in batches whose loss was not tried"
    meant = f"; {broken.meant}" if broken.meant else ""
    where = places(broken.places, len(ids)) if broken.places and not broken.frame else ", ".join(f"row {i}" for i in ids[:5])
    detail = ", ".join(part for part in (f"{loader.name} {broken.field}", where, *columns[:1]) if part)
    evidence = {"nan": missing, "inf": broken.infinite, "values": broken.read, "samples": ",".join(map(str, ids[:IDS])), "split": broken.split}
    message = f"{kinds} among {broken.read:,} values of {broken.field}{inside}{beyond}{meant}"
    return Seen(message, Location(detail=detail), evidence, severity=INFO if broken.meant else WARNING)


@data_audit.check("ND312", "the step raises", severity=ERROR, advice="look at that sample, or skip it in the dataset")
def loader_raises(look: DataLook) -> Iterator[Seen]:
    """A loader that raises on the way, or changes the structure of its batches; the page is that of the first step."""
    for loader in look.loaders:
        if loader.broke is not None:
            yield _raised(loader, loader.broke)
    if look.step_error and all(loader.broke is None for loader in look.loaders):
        raise NotChecked(f"the loader got through, but the step raised: {look.step_error}; nbdebug.first_step(setup) tells where")


def _raised(loader: LoaderLook, broke: Broke) -> Seen:
    place = f"dataset index {broke.index}" if broke.index else f"batch {broke.batch}"
    message = f"{broke.error}, in batch {broke.batch}" if broke.index else f"batch {broke.batch}: {broke.error}"
    parts = [f"{broke.samples:,} of {broke.read:,} samples read raised"] if broke.samples else []
    if broke.batches:
        parts.append(f"{broke.batches:,} {'batches' if broke.batches > 1 else 'batch'} beside {loader.batches:,} good ones could not be used")
    if loader.stopped:
        parts.append(f"{loader.name} was read no further")
    evidence: dict[str, int | str] = {"batch": broke.batch, "batches": loader.batches, "broken": broke.samples, "read": broke.read}
    if broke.ids:
        evidence |= {"samples": ",".join(map(str, broke.ids)), "split": loader.name}
    at = Location(file=broke.file, line=broke.line, cell=broke.cell, detail=f"{loader.name}, {place}")
    return Seen("; ".join([message, *parts]), at, evidence)


def _nonfinite(loader: LoaderLook, field: Field, found: NonFinite) -> Seen:
    kinds = " and ".join(f"{n:,} {word}" for n, word in ((found.nan, "NaN"), (found.inf, "Inf")) if n)
    columns = f" ({places(found.columns, found.column_count)})" if found.columns else ""
    message = f"{kinds} in {found.rows:,} of {loader.samples:,} samples of {field.name}{columns}, {_effect(found)}"
    detail = ", ".join([f"{loader.name} {field.name}", places(found.where, found.rows), *found.columns[:1]])
    evidence: dict[str, int | float | str | None] = {
        "nan": found.nan, "inf": found.inf, "rows": found.rows, "read": loader.samples,
        "columns": found.column_count, "loss": found.loss,
    }  # fmt: skip
    if found.ids:
        evidence |= {"samples": ",".join(map(str, found.ids[:IDS])), "split": loader.name}
    return Seen(message, Location(detail=detail), evidence, severity=_seriousness(found))


def _seriousness(found: NonFinite) -> Severity:
    if found.loss is None:
        return INFO if found.mask_like else WARNING
    return INFO if found.harmless else ERROR


def _effect(found: NonFinite) -> str:
    if found.loss is None:
        return "and the loss of such a batch could not be computed to see what they do"
    if found.gradient:
        return f"and though the loss of such a batch is {found.loss:.4g}, its gradient at `{found.gradient}` is not finite"
    if math.isfinite(found.loss):
        return f"yet the loss of such a batch is {found.loss:.4g}: model and loss know how to take them"
    return f"and the loss of such a batch is {found.loss}"
