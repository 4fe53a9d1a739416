"""Which of several inputs the outputs do not hear, although the model reads it: a float cut down to one whole number, a norm over a single value.

Each input in turn is given to other samples than its own, in eval mode and in train mode, with other weights, and in more batches than one.
"""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.instruments.first_step.answers import Unheard
from nbdebug.instruments.first_step.dependence import (
    JITTERS,
    Trial,
    _along,
    _changed,
    _quiet,
    _rolled,
    _sample_dims,
    _unread,
    _where_equal,
)
from nbdebug.instruments.first_step.positions import _heard
from nbdebug.listening import Tape
from nbdebug.loading import read, rewinds
from nbdebug.training_setup import TrainingSetup

MORE = 3  # batches besides the first: what is rare may be missing in one


def unheard(setup: TrainingSetup, tape: Tape, samples: int | None) -> tuple[Unheard, ...]:
    """The inputs, of at least two, that operators read and that move nothing that the model gives back."""
    root = tape.root
    if root is None or not root.returned:
        return ()
    dims = _sample_dims(setup.model, root.args, root.kwargs, samples)
    if isinstance(dims, str) or len(dims) > 1:
        return ()
    with _quiet(setup.model), contextlib.suppress(Exception):  # a model that does not bear it is not judged
        return tuple(_unheard(setup, _whole(root.args, root.kwargs, dims[0]), dims[0]))
    return ()


def _whole(args: Any, kwargs: Any, dim: tuple[int, int]) -> Trial:
    copied = batches.map_tensors(lambda t: t.detach().clone(), (args, kwargs))
    return Trial(copied[0], copied[1], dim[1])


def _unheard(setup: TrainingSetup, trial: Trial, dim: tuple[int, int]) -> Iterator[Unheard]:
    given = list(batches.tensors((trial.args, trial.kwargs)))
    varied = [(path, tensor) for path, tensor in given if _varies(tensor, dim, trial.count)]
    if len(varied) < 2:
        return
    first, plain = _heard(setup, trial)
    unread = {path for path, _ in _unread(first, trial)}
    silent = [(path, tensor) for path, tensor in varied if path not in unread and _unmoved(plain, _heard(setup, _rolled(trial, dim, only=tensor))[1])]
    if not plain or len(silent) == len(varied):
        return
    for path, tensor in silent:
        if _silent_in(setup, trial, dim, tensor) and all(_silent_in(setup, *more) for more in _more(setup, path)):
            second = _heard(setup, _rolled(trial, dim, only=tensor))[0]
            yield Unheard(_name(setup.model, path), trial.count, _where_equal(first, second, plain[0]))


def _varies(tensor: Tensor, dim: tuple[int, int], count: int) -> bool:
    along = _along(tensor, dim[0], count)
    return along == dim[0] and bool((tensor != tensor.roll(1, along)).any())


def _unmoved(left: list[Tensor], right: list[Tensor]) -> bool:
    """Exactly: what squashes does not ignore."""
    return len(left) == len(right) and all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def _silent_in(setup: TrainingSetup, trial: Trial, dim: tuple[int, int], tensor: Tensor) -> bool:
    """Whether neither an exchange nor one sample's value for all moves anything, whatever the weights, and in train mode neither."""
    along = dim[0]
    alike = _changed(trial, dim, lambda t, d: t.narrow(d, 0, 1).expand_as(t).contiguous() if t is tensor and d == along else t)
    others = (_rolled(trial, dim, only=tensor), alike)
    for size in (0.0, *JITTERS):
        plain = _heard(setup, trial, size)[1]
        if not all(_unmoved(plain, _heard(setup, other, size)[1]) for other in others):
            return False
    setup.model.train()  # what is fed back in training alone, such as the words of a decoder
    try:
        return _unmoved(_heard(setup, trial)[1], _heard(setup, others[0])[1])
    finally:
        setup.model.eval()


def _more(setup: TrainingSetup, path: str) -> Iterator[tuple[Trial, tuple[int, int], Tensor]]:
    """The model's calls for a few more batches, with the input in question."""
    if not rewinds(setup.train_loader):
        return
    for delivered in islice(read(setup.train_loader), 1, 1 + MORE):
        with Tape(setup.model) as tape:
            setup.loss(setup.moved(delivered.batch))
        root = tape.root
        tensor = dict(batches.tensors((root.args, root.kwargs))).get(path) if root is not None else None
        if root is not None and tensor is not None and tensor.ndim and tensor.shape[0] > 1:
            dim = (0, tensor.shape[0])
            trial = _whole(root.args, root.kwargs, dim)
            yield trial, dim, dict(batches.tensors((trial.args, trial.kwargs)))[path]


def _name(model: nn.Module, path: str) -> str:
    """What forward calls an input: `[0][1]` of (args, kwargs) is its second argument."""
    place, rest = re.match(r"\[([01])\](.*)", path).groups()  # type: ignore[union-attr]
    if place == "0" and (matched := re.match(r"\[(\d+)\](.*)", rest)):
        number, rest = int(matched[1]), matched[2]
        with contextlib.suppress(TypeError, ValueError):
            parameters = [p for p in inspect.signature(model.forward).parameters.values() if p.kind is not p.KEYWORD_ONLY]
            if number < len(parameters) and all(p.kind is not p.VAR_POSITIONAL for p in parameters[: number + 1]):
                return f"{parameters[number].name}{rest}"
        return f"argument {number + 1}{rest}"
    return re.sub(r"^\['(\w+)'\]", r"\1", rest)
