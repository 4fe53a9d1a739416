"""Targets that stand in the inputs of the model, every one at one place: a window that reaches over the value it is to forecast.

Found by comparing the tensors; that the model hears the place is found by an exchange.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Contained
from nbdebug.instruments.first_step.dependence import Trial, _quiet
from nbdebug.instruments.first_step.positions import _heard, _moved
from nbdebug.listening import ModuleCall, Tape
from nbdebug.loss_call import REGRESSION, raw_loss_calls
from nbdebug.training_setup import TrainingSetup

FEWEST = 16  # samples compared
DISTINCT = 8  # values of a target; whole numbers and classes meet by accident
ALIKE = 0.5  # correlation of neighbours in a series; our choice
SIGMAS = 4.0  # off zero, for so few samples
FEW = 0.5  # of a sample's numbers at most are targets; more, and it is an autoencoder


def contained(setup: TrainingSetup, batch: Any, tape: Tape) -> Contained | None:
    """None unless all targets of a regression are found in one of the model's inputs, at the same places in every sample."""
    root = tape.root
    if root is None or not root.returned:
        return None
    inputs = [t.detach() for _, t in batches.tensors((root.args, root.kwargs)) if t.is_floating_point() and t.layout == torch.strided]
    for target, place in _targets(tape, root, batch):
        for source in inputs:
            found = _places(source, target)
            if found and _is_series(source, found[0]) and _hears(setup, root, source, found):
                where = tuple(int(i) for i in torch.unravel_index(torch.tensor(found[0]), source.shape[1:]))
                return Contained(tuple(source.shape), where, len(found), target.numel(), place)
    return None


def _targets(tape: Tape, root: ModuleCall, batch: Any) -> Iterator[tuple[Tensor, Location]]:
    """The targets of torch's losses; where the loss is written out, what of the batch the model is not given."""
    calls = raw_loss_calls(tape)
    for call in calls:
        target = call.argument(1, "target")
        if call.name in REGRESSION and isinstance(target, Tensor) and not target.requires_grad:
            yield target.detach(), call.location
    if not calls:
        given = {t.data_ptr() for _, t in batches.tensors((root.args, root.kwargs))}
        yield from ((t.detach(), Location()) for _, t in batches.tensors(batch) if t.is_floating_point() and t.data_ptr() not in given)


def _places(source: Tensor, target: Tensor) -> list[int]:
    """For each number of a sample's targets where in the sample's inputs it stands; empty unless all of them do."""
    count = len(source) if source.ndim > 1 else 0
    if count < FEWEST or target.ndim == 0 or len(target) != count or target.dtype != source.dtype:
        return []
    rows, wanted = source.reshape(count, -1), target.reshape(count, -1)
    if not 0 < wanted.shape[1] <= FEW * rows.shape[1]:
        return []
    found = []
    for column in wanted.unbind(1):
        candidates = (rows[0] == column[0]).nonzero().flatten()
        same = candidates[(rows[:, candidates] == column[:, None]).all(0)]
        if not len(same) or len(column.unique()) < DISTINCT:
            return []
        found.append(int(same[0]))
    return found


def _is_series(source: Tensor, place: int) -> bool:
    """Whether what stands beside it is like it, as in a window of a series; a column of a table, or noise that is to be remembered, has no such neighbours."""
    where = [int(i) for i in torch.unravel_index(torch.tensor(place), source.shape[1:])]
    least = max(ALIKE, math.tanh(SIGMAS / math.sqrt(len(source) - 3)))  # Fisher's transformation
    for dim, size in enumerate(source.shape[1:], 1):
        for beside in (where[dim - 1] - 1, where[dim - 1] + 1):
            if 0 <= beside < size:
                other = source[(slice(None), *where[: dim - 1], beside, *where[dim:])]
                pair = torch.stack([source[(slice(None), *where)], other]).double()
                if float(torch.corrcoef(pair)[0, 1].nan_to_num(0.0)) >= least:
                    return True
    return False


def _hears(setup: TrainingSetup, root: ModuleCall, source: Tensor, places: list[int]) -> bool:
    """Whether the model's answer moves with what stands there: a masked place is none."""

    def exchanged(tensor: Tensor) -> Tensor:
        copied = tensor.detach().clone()
        if tensor.shape == source.shape and tensor.data_ptr() == source.data_ptr():
            rows = copied.reshape(len(copied), -1)
            rows[:, places] = rows[:, places].roll(1, 0)
            copied = rows.reshape(tensor.shape)
        return copied

    same = batches.map_tensors(lambda t: t.detach().clone(), (root.args, root.kwargs))
    other = batches.map_tensors(exchanged, (root.args, root.kwargs))
    with _quiet(setup.model), contextlib.suppress(Exception):
        return _moved(*(_heard(setup, Trial(args, kwargs, len(source)))[1] for args, kwargs in (same, other)))
    return False
