"""Whether the order of a sequence makes a difference to a model that has positions: a table of which one row is read, or none.

The sequences are read backwards, with other weights too. A model without positions may be meant for sets, and is not asked.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Orderless
from nbdebug.instruments.first_step.dependence import (
    JITTERS,
    Trial,
    _along,
    _changed,
    _differs,
    _quiet,
    _rolled,
    _sample_dims,
    _trials,
)
from nbdebug.instruments.first_step.positions import SHORTEST, _heard, _is_sequence
from nbdebug.listening import Tape, plain_path
from nbdebug.training_setup import TrainingSetup

POSITIONS = re.compile(r"(?:^|[._])(?:pos|positions?|positional|wpe|pe)(?:[._\d]|$|(?:emb|enc|table))", re.I)  # in the name of a parameter or buffer
ATTENTION = ("multi_head_attention_forward", "scaled_dot_product_attention")
NO_POSITION = re.compile(r"pos_weight|pos_?tag|position_ids", re.I)


def orderless(setup: TrainingSetup, tape: Tape, samples: int | None) -> Orderless | None:
    """None unless reading every sequence backwards changes nothing but the order of what comes out."""
    root = tape.root
    if root is None or not root.returned:
        return None
    named = {plain_path(n): t for n, t in (*setup.model.named_parameters(), *setup.model.named_buffers()) if POSITIONS.search(n) and not NO_POSITION.search(n)}
    dims = _sample_dims(setup.model, root.args, root.kwargs, samples) if named else ""
    if isinstance(dims, str) or len(dims) > 1:
        return None
    given = {id(tensor) for _, tensor in batches.tensors((root.args, root.kwargs))}
    if any(call.name == "embedding" and call.inputs() and id(call.inputs()[0]) in given and _is_of(call.inputs(), named) for call in tape.calls):
        return None  # positions that come with the batch, or another thing of that name
    with _quiet(setup.model):
        for trial in _trials(root.args, root.kwargs, dims[0]):
            with contextlib.suppress(Exception):  # a model may insist on its batch size: try the next one
                return _examined(setup, tape, trial, dims[0], named)
    return None


def _is_of(given: list[Tensor], named: dict[str, Tensor]) -> bool:
    return any(tensor is other for tensor in given for other in named.values())


def _examined(setup: TrainingSetup, tape: Tape, trial: Trial, dim: tuple[int, int], named: dict[str, Tensor]) -> Orderless | None:
    time = 1 - dim[0]
    sequence = next((t for _, t in batches.tensors((trial.args, trial.kwargs)) if _along(t, dim[0], trial.count) == dim[0] and t.ndim > 1), None)
    if sequence is None or not _is_sequence(sequence) or sequence.shape[time] < SHORTEST:
        return None
    length = sequence.shape[time]
    tables = {name: table for name, table in named.items() if any(size >= length for size in table.shape)}
    if not tables:
        return None

    def turned(tensor: Tensor, along: int) -> Tensor:
        moves = along == dim[0] and tensor.ndim > 1 and tensor.shape[time] == length
        return tensor.flip(time) if moves and bool((tensor != tensor.roll(1, along)).any()) else tensor

    backwards = _changed(trial, dim, turned)
    for size in (0.0, *JITTERS):
        plain, back = _heard(setup, trial, size)[1], _heard(setup, backwards, size)[1]
        if not plain or len(plain) != len(back) or not all(_alike(a, b, length) for a, b in zip(plain, back, strict=True)):
            return None
        if not any(bool(_differs(a, b).any()) for a, b in zip(plain, _heard(setup, _rolled(trial, dim), size)[1], strict=True)):
            return None  # it hears nothing at all
    name = next(iter(tables))
    call = next((call for call in tape.calls if call.in_model and _is_of(call.inputs(), tables)), None)
    if call is None and isinstance(tables[name], nn.Parameter):
        return None  # a parameter that is never used, and told as such
    where = Location(module=name.rpartition(".")[0], parameter=name)
    blind = next((other for other in tape.calls if other.in_model and other.name in ATTENTION), None)
    if call is None and blind is not None:  # the line that goes on without them
        where = replace(blind.location, module=where.module, parameter=name)
    place = call.location if call is not None else where
    return Orderless(name, length, call is not None, place)


def _alike(plain: Tensor, back: Tensor, length: int) -> bool:
    """Whether two outputs are the same, or the same backwards along a dimension of time."""
    if plain.shape != back.shape:
        return False
    ways = [back, *(back.flip(d) for d, size in enumerate(back.shape) if size == length)]
    return any(not bool(_differs(plain, way).any()) for way in ways) or torch.equal(plain, back)
