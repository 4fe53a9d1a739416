"""Which positions of a sequence the output hears: a model that reads its answer off the one state that has seen nothing yet.

`hidden[:, 0]` of a causal model or of a recurrence is such a state; the others are worked out and thrown away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.instruments.first_step.answers import Deaf
from nbdebug.instruments.first_step.dependence import (
    JITTERS,
    Trial,
    _along,
    _changed,
    _differs,
    _quiet,
    _sample_dims,
    _trials,
    _where_equal,
)
from nbdebug.listening import Call, ModuleCall, Tape
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup

SHORTEST = 6  # positions; fewer may be columns of a table; our choice


def deaf(setup: TrainingSetup, tape: Tape, samples: int | None) -> Deaf | None:
    """None unless the outputs hear one end of their sequences alone, whatever the weights, although the model mixes all positions.

    Args:
        tape: holds the call of the model.
        samples: how many samples the batch has, where that is known from dataset indices.
    """
    root = tape.root
    if root is None or not root.returned:
        return None
    dims = _sample_dims(setup.model, root.args, root.kwargs, samples)
    if isinstance(dims, str) or len(dims) > 1:
        return None
    with _quiet(setup.model):
        for trial in _trials(root.args, root.kwargs, dims[0]):
            with contextlib.suppress(Exception):  # a model may insist on its batch size: try the next one
                return _examined(setup, trial, dims[0])
    return None


def _examined(setup: TrainingSetup, trial: Trial, dim: tuple[int, int]) -> Deaf | None:
    time = 1 - dim[0]
    sequence = next((t for _, t in batches.tensors((trial.args, trial.kwargs)) if _along(t, dim[0], trial.count) == dim[0] and t.ndim > 1), None)
    if sequence is None or not _is_sequence(sequence) or sequence.shape[time] < SHORTEST:
        return None
    length = sequence.shape[time]
    first, plain = _heard(setup, trial)
    for position in (0, length - 1):
        alone = _exchanged(trial, dim, time, length, lambda p, at=position: p == at)
        others = _exchanged(trial, dim, time, length, lambda p, at=position: p != at)
        second, without = _heard(setup, others)
        if not plain or _moved(plain, without) or not _moved(plain, _heard(setup, alone)[1]):
            continue
        if any(_moved(_heard(setup, trial, size)[1], _heard(setup, others, size)[1]) for size in JITTERS):
            return None
        third = _heard(setup, alone)[0]
        mixing = _mixes(first, second, third, position, length)
        if mixing is None and (cell := _restarted(first, length)) is not None:
            return Deaf(position, length, cell.path or "", "", first.calls[cell.first].location, restarts=True)
        if mixing is not None:
            place = _where_equal(first, second, plain[0])
            text = next((c.line.text for c in first.calls if c.line is not None and c.location == place), "")
            return Deaf(position, length, mixing.module, text, place)
    return None


def _is_sequence(tensor: Tensor) -> bool:
    """Token ids (N, T), or features (N, T, D)."""
    return tensor.ndim == 3 if tensor.is_floating_point() else tensor.ndim == 2 and tensor.dtype != torch.bool


def _exchanged(trial: Trial, dim: tuple[int, int], time: int, length: int, chosen: Callable[[int], bool]) -> Trial:
    """At the chosen positions every sample gets its neighbour's."""
    where = [p for p in range(length) if chosen(p)]

    def change(tensor: Tensor, along: int) -> Tensor:
        if along != dim[0] or not _is_sequence(tensor) or tensor.shape[time] != length:
            return tensor
        changed = tensor.clone()
        index = torch.tensor(where, device=tensor.device)
        return changed.index_copy_(time, index, tensor.roll(1, along).index_select(time, index))

    return _changed(trial, dim, change)


def _heard(setup: TrainingSetup, trial: Trial, jitter: float = 0.0) -> tuple[Tape, list[Tensor]]:
    """A run, with every tensor that comes out."""
    seed_torch(0)
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: p.detach() + jitter * torch.randn(p.shape, generator=generator).to(p) for name, p in setup.model.named_parameters() if jitter and p.is_floating_point()
    }
    with setup.autocast(), Tape(setup.model) as tape:
        outputs: Any = torch.func.functional_call(setup.model, weights, trial.args, trial.kwargs)
    return tape, [tensor for _, tensor in batches.tensors(outputs) if tensor.is_floating_point()]


def _moved(left: list[Tensor], right: list[Tensor]) -> bool:
    return len(left) != len(right) or any(bool(_differs(a, b).any()) for a, b in zip(left, right, strict=True))


def _mixes(first: Tape, others: Tape, alone: Tape, position: int, length: int) -> Call | None:
    """The last call whose states elsewhere hear the position as well as their own inputs; None when there is none.

    A rollout from its first state makes states elsewhere too, which hear nothing but that.
    """
    if not [c.name for c in first.calls] == [c.name for c in others.calls] == [c.name for c in alone.calls]:
        return None
    found = None
    for plain, one, two in zip(first.calls, others.calls, alone.calls, strict=True):
        for value, other, own in zip(plain.outputs(), one.outputs(), two.outputs(), strict=False):
            time = next((d for d, size in enumerate(value.shape) if size == length and value.is_floating_point()), None)
            if time is None or value.shape != other.shape or value.shape != own.shape:
                continue
            elsewhere = [p for p in range(length) if p != position]
            if all(bool(_differs(value, changed).movedim(time, 0)[elsewhere].any()) for changed in (other, own)):
                found = plain
    return found


def _restarted(tape: Tape, length: int) -> ModuleCall | None:
    """The last call of a recurrent cell that is asked about every position, and is never given the state that it made at the one before."""
    cells = [call for call in tape.modules if isinstance(call.module, nn.RNNCellBase)]
    for cell in reversed(cells):
        own = [call for call in cells if call.module is cell.module]
        if len(own) == length and all(state is None for call in own for state in (*call.args[1:], call.kwargs.get("hx"))):
            return cell
    return None
