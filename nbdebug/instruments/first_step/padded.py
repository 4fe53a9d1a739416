"""Sequences of which only the padding is heard: a mask that says the opposite of what it is asked for.

What differs from sample to sample is exchanged, and then what fills the sequences up, and each time it is looked which of it moves an output, or what
attention gives to the other positions. No name is asked for, and no meaning of True.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import OnlyPadding
from nbdebug.instruments.first_step.dependence import JITTERS, Trial, _changed, _differs, _quiet, _sample_dims
from nbdebug.instruments.first_step.hearing import _name, _whole
from nbdebug.instruments.first_step.order import ATTENTION
from nbdebug.instruments.first_step.positions import _heard, _is_sequence, _moved
from nbdebug.lines.names import assignments, called, last_name
from nbdebug.lines.sources import all_texts, only
from nbdebug.listening import Call, Tape
from nbdebug.source_lines import location_fields
from nbdebug.training_setup import TrainingSetup

SHORTEST, FEWEST = 4, 3  # positions of a sequence, and samples that are filled up; our choice
BY_HAND, BETWEEN = ("matmul", "__matmul__", "bmm", "einsum"), ("dropout", "to", "type_as", "nan_to_num")
COLUMNS = 3  # positions that are tried for attention


def only_padding(setup: TrainingSetup, tape: Tape, samples: int | None) -> OnlyPadding | None:
    """None unless the padding of sequences is heard and the rest is not, whatever the weights."""
    root = tape.root
    dims = _sample_dims(setup.model, root.args, root.kwargs, samples) if root is not None and root.returned else ""
    if root is None or isinstance(dims, str) or len(dims) > 1 or dims[0][0] != 0:
        return None
    with _quiet(setup.model), contextlib.suppress(Exception):  # a model that does not bear it is not judged
        return _examined(setup, _whole(root.args, root.kwargs, dims[0]), dims[0])
    return None


def _examined(setup: TrainingSetup, trial: Trial, dim: tuple[int, int]) -> OnlyPadding | None:
    given = [(path, t) for path, t in batches.tensors((trial.args, trial.kwargs)) if t.ndim > 1 and t.shape[0] == trial.count]
    path, sequence = next(((path, t) for path, t in given if _is_sequence(t)), ("", None))
    blank = _blank(sequence) if sequence is not None else None
    if sequence is None or blank is None:
        return None
    filled = blank.any(1) & ~blank.all(1)
    if int(filled.sum()) < FEWEST:
        return None
    mask = next((_name(setup.model, p) for p, t in given if p != path and t.shape == blank.shape and t.unique().numel() == 2 and (torch.equal(t == t.max(), blank) or torch.equal(t == t.min(), blank))), "")
    keep = filled.nonzero()[:, 0]
    trial = _changed(trial, dim, lambda t, d: t.index_select(d, keep) if t is not sequence else t.index_select(0, keep))
    trial = Trial(trial.args, trial.kwargs, len(keep))
    sequence, blank = dict(batches.tensors((trial.args, trial.kwargs)))[path], blank[keep]
    content = _with(trial, dim, sequence, _exchanged(sequence, ~blank))
    padding = _with(trial, dim, sequence, _filled(sequence, blank))
    first, plain = _heard(setup, trial)
    if not plain:
        return None
    if not _moved(plain, _heard(setup, content)[1]) and _moved(plain, _heard(setup, padding)[1]):
        if any(_moved(_heard(setup, trial, size)[1], _heard(setup, content, size)[1]) for size in JITTERS):
            return None
        return OnlyPadding(mask, "", len(keep), _place(setup, mask, next(chain(_telling(first, blank), _attending(first, blank.shape[1])), None)))
    call = _attends_to_padding(setup, trial, dim, sequence, blank, padding)
    return OnlyPadding(mask, call.name, len(keep), _place(setup, mask, next(_telling(first, blank), call))) if call is not None else None


def _telling(tape: Tape, blank: Tensor) -> Iterator[Call]:
    """Calls that say which positions are empty, or which are not: `ids == 0`."""
    return (call for call in tape.calls for t in call.outputs()[:1] if t.dtype == torch.bool and t.shape == blank.shape and (torch.equal(t, blank) or torch.equal(t, ~blank)))


def _blank(sequence: Tensor) -> Tensor | None:
    """(samples, positions) where sequences are filled up: one value in a run to the end, or from the beginning, whose length varies or whose share is small."""
    for end in (-1, 0):
        value = sequence[:, end]
        common = value.mode(0).values if value.ndim == 1 else torch.zeros_like(value[0])
        same = sequence == common
        same = same.flatten(2).all(2) if same.ndim > 2 else same
        turned = same.flip(1) if end == -1 else same
        run = turned.cumprod(1).bool()
        run = run.flip(1) if end == -1 else run
        if sequence.shape[1] >= SHORTEST and bool(run.any()) and run.sum(1).unique().numel() > 1 and not bool((same & ~run).any()):
            return run
    return None


def _exchanged(sequence: Tensor, chosen: Tensor) -> Tensor:
    """At the chosen places every sample gets what the next one with such a place has in that column."""
    changed = sequence.clone()
    for column in range(sequence.shape[1]):
        rows = chosen[:, column].nonzero()[:, 0]
        changed[rows, column] = sequence[rows.roll(1), column]
    return changed


def _filled(sequence: Tensor, blank: Tensor) -> Tensor:
    """What fills up replaced by what stands elsewhere in the same batch."""
    rest, changed = sequence[~blank], sequence.clone()
    changed[blank] = rest[torch.arange(int(blank.sum()), device=rest.device) % len(rest)]
    return changed


def _with(trial: Trial, dim: tuple[int, int], sequence: Tensor, other: Tensor) -> Trial:
    return _changed(trial, dim, lambda t, d: other if t is sequence else t)


def _attending(tape: Tape, length: int) -> Iterator[Call]:
    """Calls of torch's attention, and products by hand whose weights come from a softmax, that give something for each position."""
    for call in tape.calls:
        shapes = [t.shape for t in call.outputs()]
        if call.name in ATTENTION and any(length in shape for shape in shapes) or call.name in BY_HAND and shapes and len(shapes[0]) > 2 and shapes[0][-2] == length and any(_is_weights(tape, index) for index in call.parents):
            yield call


def _is_weights(tape: Tape, index: int) -> bool:
    if index < 0:
        return False
    call = tape.calls[index]
    return call.name == "softmax" or call.name in BETWEEN and any(parent >= 0 and tape.calls[parent].name == "softmax" for parent in call.parents)


def _attends_to_padding(setup: TrainingSetup, trial: Trial, dim: tuple[int, int], sequence: Tensor, blank: Tensor, padding: Trial) -> Call | None:
    """The first attention, where what it gives to other positions moves with the padding and with no column of the rest."""
    length = blank.shape[1]
    with torch.enable_grad():  # without gradients torch may take a way in one piece
        first = next(_attending(_heard(setup, trial)[0], length), None)
        if first is None or not _reaches(setup, first, padding, length, ~blank):
            return None
        varied = [c for c in range(length) if int((~blank[:, c]).sum()) > 1 and bool((_exchanged(sequence, ~blank)[:, c] != sequence[:, c]).any())]
        if len(varied) < COLUMNS:
            return None
        for column in (varied[0], varied[len(varied) // 2], varied[-1]):
            chosen = torch.zeros_like(blank)
            chosen[:, column] = ~blank[:, column]
            elsewhere = ~chosen & (torch.arange(length, device=blank.device) != column)
            other = _with(trial, dim, sequence, _exchanged(sequence, chosen))
            if _reaches(setup, first, other, length, elsewhere):
                return None
    return first


def _reaches(setup: TrainingSetup, first: Call, other: Trial, length: int, where: Tensor) -> bool:
    """Whether what attention gives at some of these places is another with another input; also where that cannot be compared."""
    again = next(_attending(_heard(setup, other)[0], length), None)
    left, right = first.outputs()[0], again.outputs()[0] if again is not None else None
    if right is None or left.shape != right.shape:
        return True
    return bool((_differs(left.detach(), right.detach()) & _places(left, where, first.name)).any())


def _places(moved: Tensor, chosen: Tensor, by: str) -> Tensor:
    """A choice of (samples, positions) in the layout of what attention gives: (N, heads, T, D), of torch's layers (T, N, D)."""
    laid = chosen.T[..., None] if by == ATTENTION[0] else chosen[(slice(None), *[None] * (moved.ndim - 3), slice(None), None)]
    return laid.expand(moved.shape)


def _place(setup: TrainingSetup, mask: str, call: Call | None) -> Location:
    """The one line that works the mask out under its name; else where it is used first."""
    key = mask.rpartition(".")[2]
    line = only((text, cell, node) for text, cell, tree in all_texts(setup.model) for node in _worked_out(tree, key)) if key else None
    if line is not None:
        return Location(**location_fields(line))
    return call.location if call is not None else Location(module=_root(setup.model))


def _worked_out(tree: ast.AST, key: str) -> Iterator[ast.expr]:
    """Comparisons that are given this name, as a variable, a key or a keyword: `mask = ids == 0`, `{"mask": (ids == 0).long()}`."""
    named = [(last_name(target) or _key(target), value) for target, value in assignments(tree)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            named += [(getattr(k, "value", ""), value) for k, value in zip(node.keys, node.values, strict=True)]
        elif isinstance(node, ast.Call) and called(node) != "Tensor":
            named += [(k.arg, k.value) for k in node.keywords]
    yield from (value for name, value in named if name == key and any(isinstance(part, (ast.Compare, ast.Invert)) for part in ast.walk(value)))


def _key(target: ast.expr) -> str:
    return str(target.slice.value) if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) else ""


def _root(model: nn.Module) -> str:
    return next((name for name, _ in model.named_children()), "")
