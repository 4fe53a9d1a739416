"""Whether the step also runs on batches of other sizes: the last of an epoch is seldom full, and validation has its own.

The batch at hand is cut down to that size, or its samples are repeated.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from nbdebug import batch as batches
from nbdebug.crash import Crash
from nbdebug.errors import BatchError, NbdebugError, StepError
from nbdebug.instruments.first_step.answers import Ragged
from nbdebug.lines.sources import texts
from nbdebug.loading import rewinds
from nbdebug.training_setup import TrainingSetup

LARGEST = 4  # times the batch at hand: a validation that has still larger ones is not tried
MEASURES = {"len", "shape", "size", "batch_size"}  # words of a test that asks how large a batch is


def ragged(setup: TrainingSetup, batch: Any, tell: Callable[[Any, NbdebugError], Crash]) -> Ragged | None:
    """The first size at which a step raises that runs on the whole batch; None where there is none, or it cannot be told.

    Args:
        batch: on the device; the step has run on it.
        tell: explains an error of the step, given the batch.
    """
    full = batches.batch_size(batch)
    if full is None or full < 2 or _skips_some():
        return None
    for which, size, trains in _sizes(setup, full):
        try:
            other = batches.take(batch, sorted(row % full for row in range(size)))  # in their order: a collate function may have sorted them by length
        except BatchError:
            return None
        error = _raised(setup, other, trains)
        if error is not None and _raised(setup, batch, trains) is None:
            return Ragged(which, size, full, tell(other, error))
    return None


def _sizes(setup: TrainingSetup, full: int) -> Iterator[tuple[str, int, bool]]:
    """Which batches have other sizes, and whether they are trained on."""
    for name, loader, trains in (("train_loader", setup.train_loader, True), ("val_loader", setup.val_loader, False)):
        size = loader.batch_size if isinstance(loader, DataLoader) and rewinds(loader) else None
        with contextlib.suppress(TypeError, NotImplementedError):  # a length that is not known
            count = len(loader.sampler) if size else 0
            if count > size and size != full and size <= LARGEST * full:
                yield f"the batches of {name}", size, trains
            if count % (size or 1) and not loader.drop_last:
                yield f"the last batch of {name}", count % size, trains


def _raised(setup: TrainingSetup, batch: Any, trains: bool) -> StepError | None:
    modes = {module: module.training for module in setup.model.modules()}
    try:
        if trains:
            setup.loss(batch)
        else:
            setup.model.eval()
            with torch.no_grad():
                setup.loss(batch)
    except StepError as error:
        return error
    finally:
        for module, training in modes.items():
            module.training = training
    return None


def _skips_some() -> bool:
    """Whether a loop of the user's passes over batches of some sizes: `if len(x) < 32: continue`."""
    tests = (node for _, _, tree in texts() for node in ast.walk(tree) if isinstance(node, ast.If) and isinstance(node.body[-1], (ast.Continue, ast.Break)))
    return any(
        isinstance(part, (ast.Name, ast.Attribute)) and (part.id if isinstance(part, ast.Name) else part.attr) in MEASURES for node in tests for part in ast.walk(node.test)
    )
