"""Data without a model, as a setup."""

from __future__ import annotations

from typing import Any

from nbdebug.data.no_model import NoModel
from nbdebug.data.sources import as_source
from nbdebug.errors import SetupError
from nbdebug.training_setup import TrainingSetup


def data_alone(data: Any, val: Any = None, *, kind: str | None = None, target: Any = None, by: str = "data_audit") -> TrainingSetup:
    """A setup of data without a model.

    Args:
        by: the instrument that got it, for the message.

    Raises:
        SetupError: it is nothing that gives samples.
    """
    if data is None:
        raise SetupError(f"{by} got no data: pass a TrainingSetup, a DataLoader, a dataset, a frame, arrays or a path")
    train = as_source(data, "data", kind=kind, target=target)
    other = as_source(val, "val", kind=kind, target=target).loader if val is not None else None
    return TrainingSetup(NoModel(), train_loader=train.loader, val_loader=other)
