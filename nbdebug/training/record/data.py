"""Fingerprints of the data that a run is trained on, of a bounded sample of it."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

from torch.utils.data import DataLoader, Subset

from nbdebug.data.brief import fingerprint_of
from nbdebug.data.no_model import NoModel
from nbdebug.data.sources import as_source
from nbdebug.errors import first_line
from nbdebug.plain import to_plain
from nbdebug.training.record.content import (
    borrowed,
    content,
    drawn_alike,
    is_indexed,
    looked_at,
    seconds_each,
)
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

MOST = 1024  # samples that are read; our choice: enough to see a mean move by a tenth of its spread
SECONDS = 0.3  # for each loader; our choice: a launch must not be felt to wait for its record
MEMORY = 4_000_000  # bytes of the rows that are kept of them; our choice: a launch takes less than 50 MB of the kernel, all in all
TOGETHER = 32  # samples that are read at once, between two looks at the clock


def data_facts(setup: TrainingSetup) -> dict[str, Any]:
    """Of each loader: its samples, digests of a few, and the fingerprint of more; `unknown` says why there is none."""
    return {name: loader_facts(getattr(setup, name), name) for name in ("train_loader", "val_loader") if getattr(setup, name) is not None}


def loader_facts(loader: Any, name: str) -> dict[str, Any]:
    """Of one loader."""
    with untouched(TrainingSetup(NoModel(), train_loader=loader)), drawn_alike():
        try:
            each = _seconds_each(loader)
            if each > SECONDS:
                return {"unknown": f"a sample of {name} takes {each:.1f} s to read: it was left alone"}
            found = content(loader)
        except Exception as error:
            return {"unknown": f"{name} could not be looked at: {first_line(error)}"}
        try:
            sample = _sample(loader, each)
            if sample is None:
                return found | {"unknown": f"{name} can be read only once, or draws anew at every pass: it was left alone"}
            began = time.perf_counter()
            taken = fingerprint_of(as_source(sample, name), SECONDS, MEMORY)
            whole = taken.whole and _count(sample) == _count(loader)
            return found | {"read": taken.samples, "whole": whole, "seconds": round(time.perf_counter() - began, 3), "fingerprint": to_plain(taken)}
        except Exception as error:  # whatever is wrong with the data is for the training to say
            return found | {"unknown": f"{name} could not be read: {first_line(error)}"}


def _count(loader: Any) -> int:
    return len(loader.dataset) if isinstance(loader, DataLoader) else len(loader)


def _seconds_each(loader: Any) -> float:
    """What a sample takes, of what has samples that can be asked for."""
    indexed = isinstance(loader, DataLoader) and is_indexed(loader.dataset)
    return seconds_each(borrowed(loader.dataset)) if indexed else 0.0


def _sample(loader: Any, each: float) -> Any:
    """A loader of a bounded part, which reads without workers; None when there is none that can be read again.

    Args:
        each: seconds that a sample takes.
    """
    if isinstance(loader, DataLoader):
        if not is_indexed(loader.dataset):
            return None
        most = min(MOST, max(1, int(SECONDS / max(each, 1e-9))))
        part = Subset(borrowed(loader.dataset), looked_at(len(loader.dataset), most))
        collate = copy.copy(loader.collate_fn)
        if loader.batch_size is None and loader.batch_sampler is None:  # the dataset gives batches
            return DataLoader(part, batch_size=None, collate_fn=collate)
        return DataLoader(part, batch_size=TOGETHER, collate_fn=collate)
    return list(loader[:MOST]) if isinstance(loader, Sequence) else None
