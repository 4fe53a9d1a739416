"""One column of a table taken for another: `self.weekday(x[:, 2]), self.promo(x[:, 2])`, and nobody reads column 1.

Where two tables of vectors are looked up by the very same column, every column of the inputs is given to other samples in turn; one that moves nothing, whatever the weights, was meant.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.instruments.first_step.answers import Column
from nbdebug.instruments.first_step.dependence import JITTERS, Trial, _quiet, _sample_dims
from nbdebug.instruments.first_step.hearing import _name, _unmoved, _whole
from nbdebug.instruments.first_step.positions import _heard
from nbdebug.listening import Call, Tape
from nbdebug.training_setup import TrainingSetup

WIDEST = 64  # columns of which each is tried; our choice


def columns(setup: TrainingSetup, tape: Tape, samples: int | None) -> tuple[Column, ...]:
    """The columns of inputs (N, K) that no output hears, while another is looked up in two tables."""
    root = tape.root
    twice = _looked_up_twice(tape) if root is not None and root.returned else []
    dims = _sample_dims(setup.model, root.args, root.kwargs, samples) if root is not None and twice else ""
    if isinstance(dims, str) or len(dims) > 1 or dims[0][0] != 0 or root is None:
        return ()
    found: list[Column] = []
    with _quiet(setup.model), contextlib.suppress(Exception):  # a model that does not bear it is not judged
        trial = _whole(root.args, root.kwargs, dims[0])
        for path, table in batches.tensors((trial.args, trial.kwargs)):
            if table.ndim == 2 and 1 < table.shape[1] <= WIDEST and len(table) == trial.count:
                found += _taken_for_another(setup, trial, path, table, twice)
    return tuple(found)


def _looked_up_twice(tape: Tape) -> list[tuple[Call, Call]]:
    """Pairs of tables that are looked up by the same values."""
    lookups = [call for call in tape.calls if call.name == "embedding" and call.in_model and len(call.given) == 2]
    return [(a, b) for a, b in combinations(lookups, 2) if a.given[1] is not b.given[1] and a.given[0].shape == b.given[0].shape and torch.equal(a.given[0], b.given[0])]


def _taken_for_another(setup: TrainingSetup, trial: Trial, path: str, table: Tensor, twice: list[tuple[Call, Call]]) -> Iterator[Column]:
    """A column that nothing hears, and of the tables that are looked up by one column the one that it fits best."""
    by_column = {k: [pair for pair in twice if torch.equal(pair[0].given[0].flatten().to(table), table[:, k])] for k in range(table.shape[1])}
    pairs = [(k, pair) for k, found in by_column.items() for pair in found]
    counts = [len(found) for found in by_column.values() if found]
    if len(counts) > 1 and len(set(counts)) == 1:
        return  # a factorisation machine looks every field up in two tables
    for column in range(table.shape[1]) if pairs else ():
        values = table[:, column]
        rows = int(values.max()) + 1 if bool((values == values.round()).all()) else 0  # that a table of its own has at least
        fitting = [(len(call.given[1]) - rows, taken, pair, call) for taken, pair in pairs for call in pair if len(call.given[1]) >= rows > 1]
        if fitting and _is_deaf_to(setup, trial, table, column):
            _, taken, pair, guilty = min(fitting, key=lambda one: (one[0], -one[3].index))
            other = pair[0] if guilty is pair[1] else pair[1]
            yield Column(_name(setup.model, path), column, taken, (other.module, guilty.module), guilty.location)


def _is_deaf_to(setup: TrainingSetup, trial: Trial, table: Tensor, column: int) -> bool:
    """Whether no output moves when this column is given to other samples, whatever the weights."""
    turned = table.clone()
    turned[:, column] = table[:, column].roll(1)
    if torch.equal(turned, table):
        return False
    other = batches.map_tensors(lambda t: turned if t is table else t, (trial.args, trial.kwargs))
    changed = Trial(other[0], other[1], trial.count)
    return all(_unmoved(_heard(setup, trial, size)[1], _heard(setup, changed, size)[1]) for size in (0.0, *JITTERS))
