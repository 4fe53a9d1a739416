"""`nbdebug.compare_data(a, b)`: what changed from one version of data to another."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from nbdebug.data.brief import fingerprint_of
from nbdebug.data.comparing import Comparison, compared
from nbdebug.data.fingerprint import Fingerprint
from nbdebug.data.no_model import NoModel
from nbdebug.data.sources import as_source
from nbdebug.errors import SetupError, first_line
from nbdebug.instruments.base import Judged, seconds_of
from nbdebug.instruments.report import Report, remember
from nbdebug.plain import from_plain
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import Proof, untouched

comparisons = Judged("compare_data", title="data beside data", level="data", result=Comparison)


def compare_data(
    a: Any, b: Any, *, target: str | None = None, kind: str | None = None, budget: float | str | None = "20 s"
) -> Report:
    """What changed from data a to data b: content, samples, schema, statistics, classes, missing values.

    Content is compared by hashes, so that neither order nor batch size counts; how many samples both have is counted up to 4096
    different ones, and estimated with its error beyond.

    Args:
        a: a report of data_audit (or of a checkup), a Fingerprint, either of them as saved in JSON (a dict or a path), or data: a
            loader, a dataset, a frame, arrays or a path, which is then read once.
        b: the same; both need not be of one kind.
        target: the column or field that is to be predicted, of data.
        kind: of the inputs, of data.
        budget: seconds for reading both; None reads everything.

    Raises:
        SetupError: a or b is nothing of this, or a report without a look at the data.
    """
    started, seconds = time.perf_counter(), seconds_of(budget)
    proofs: list[Proof] = []
    each = None if seconds is None else seconds / 2
    first, second = (_fingerprints(data, name, target, kind, each, proofs) for data, name in ((a, "a"), (b, "b")))
    splits = tuple(compared(one, other) for one, other in zip(first, second, strict=False))
    longer, side = (first, "a") if len(first) > len(second) else (second, "b")
    alone = tuple(f"only {side} has {one.name}" for one in longer[len(splits) :])
    result = Comparison(splits, alone)
    verdicts, findings = comparisons.judge(result)
    return remember(Report(
        "compare_data", "data beside data", "data", result, findings, verdicts, subject=f"a: {_said(first[0])} · b: {_said(second[0])}",
        seconds=time.perf_counter() - started, proof=Proof.united(proofs) if proofs else None,
    ))  # fmt: skip


def _fingerprints(
    data: Any, name: str, target: str | None, kind: str | None, seconds: float | None, proofs: list[Proof]
) -> tuple[Fingerprint, ...]:
    data = _opened(data, name)
    if isinstance(data, Fingerprint):
        return (data,)
    if isinstance(data, Report):
        found = _of_report(data)
        if not found:
            raise SetupError(f"{name} is a report of {data.instrument} without fingerprints: pass one of data_audit, or the data")
        return found
    if data is None:
        raise SetupError(f"{name} is None: pass a report of data_audit, a Fingerprint, or data")
    if isinstance(data, TrainingSetup):
        named = (data.train_loader, "train_loader"), (data.val_loader, "val_loader")
        parts = [(part, where) for part, where in named if part is not None]
        if not parts:
            raise SetupError(f"{name} is a TrainingSetup without a train_loader")
        return tuple(_read(part, where, target, kind, None if seconds is None else seconds / len(parts), proofs) for part, where in parts)
    return (_read(data, name, target, kind, seconds, proofs),)


def _read(data: Any, name: str, target: str | None, kind: str | None, seconds: float | None, proofs: list[Proof]) -> Fingerprint:
    source = as_source(data, name, kind=kind, target=target)
    borrowed = untouched(TrainingSetup(NoModel(), train_loader=source.loader))
    with borrowed:
        found = fingerprint_of(source, seconds)
    proofs.append(borrowed.proof)
    return found


def _opened(data: Any, name: str) -> Any:
    """What a saved report or fingerprint holds; anything else as it is."""
    if isinstance(data, (str, os.PathLike)) and str(data).endswith(".json"):
        try:
            with open(data, encoding="utf-8") as file:
                read = json.load(file)
        except (OSError, ValueError) as error:
            raise SetupError(f"{name}: {os.fspath(data)} cannot be read as JSON: {first_line(error)}") from error
        return _of_plain(read) or data  # else annotations or a table, which are data
    return (_of_plain(data) or data) if isinstance(data, Mapping) else data


def _of_plain(data: Any) -> Report | Fingerprint | None:
    if not isinstance(data, Mapping):
        return None
    if {"instrument", "result", "verdicts"} <= data.keys():
        return Report.from_dict(dict(data))
    if {"content", "inputs", "samples", "fields"} <= data.keys():
        return from_plain(Fingerprint, dict(data))
    return None


def _of_report(report: Report) -> tuple[Fingerprint, ...]:
    found = tuple(getattr(report.result, "fingerprints", ()))
    return found or next((inside for part in report.parts if (inside := _of_report(part))), ())


def _said(one: Fingerprint) -> str:
    return one.about or f"{one.name}, {one.samples:,} samples"
