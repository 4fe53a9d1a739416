"""Quantile (pinball) losses that ask for the other tail: which quantiles the slopes ask for, beside those that the loss was given."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import prediction
from nbdebug.instruments.first_step.answers import Pull
from nbdebug.listening import Tape
from nbdebug.training_setup import TrainingSetup

QUANTILE = re.compile(r"quantil|pinball|^(?:qs?|taus?)$", re.I)
ALIKE = 1e-3  # of a slope, within which two are the same; rounding of single precision
CLOSE = 0.005  # between two quantiles
FEWEST = 8  # outputs on either side of their target, of each quantile


def mirrored(setup: TrainingSetup, tape: Tape, loss: Tensor, sign: float) -> Pull | None:
    """A loss whose slopes take two values, of either sign, in each column of the outputs: their ratio says the quantile. None where it is the one that is meant.

    Args:
        sign: -1 where the optimizer goes uphill.
    """
    outputs = prediction(tape.root.output) if tape.root is not None else None
    asked = _asked_for(loss, outputs, sign) if isinstance(outputs, Tensor) and outputs.requires_grad else None
    if asked is None or all(abs(q - 0.5) < CLOSE for q in asked):
        return None
    if not _speaks_of_quantiles(setup):
        return None  # a price of too much may be meant, which is the other way round
    stated = [given for given in _stated(setup) if len(given) == len(asked)]
    if any(_agree(given, asked) for given in stated) or not any(_agree([1 - q for q in given], asked) for given in stated):
        return None
    first = next(i for i, q in enumerate(asked) if abs(q - 0.5) >= CLOSE)
    maker = next((call for call in reversed(tape.calls) if call.line is not None and not call.in_model), None)
    if maker is None:
        return None
    return Pull(f"{asked[first]:.3g}, {1 - asked[first]:.3g}", "mirrored", float(loss.detach()), asked[first], sign < 0, maker.location)


def _asked_for(loss: Tensor, outputs: Tensor, sign: float) -> list[float] | None:
    """The quantile that each column of the outputs is pulled towards."""
    try:
        (slope,) = torch.autograd.grad(loss, outputs, retain_graph=True, allow_unused=True)
    except Exception:  # a backward of the user's own may raise anything; the real backward pass will tell
        return None
    if slope is None or slope.numel() < 2 * FEWEST or not bool(slope.isfinite().all()):
        return None
    columns = slope.detach().double().mul(sign).reshape(-1, slope.shape[-1]) if slope.ndim > 1 and slope.shape[-1] > 1 else slope.detach().double().mul(sign).reshape(-1, 1)
    found = []
    for column in columns.T:
        up, down = column[column > 0], -column[column < 0]  # of outputs above, and below, their targets
        if min(len(up), len(down)) < FEWEST or not (_is_one(up) and _is_one(down)):
            return None
        found.append(float(down[0] / (up[0] + down[0])))
    return found


def _is_one(slopes: Tensor) -> bool:
    return float(slopes.max() - slopes.min()) <= ALIKE * float(slopes.max())


def _agree(left: list[float], right: list[float]) -> bool:
    return all(abs(a - b) < CLOSE for a, b in zip(left, right, strict=True))


def _stated(setup: TrainingSetup) -> Iterator[list[float]]:
    """Numbers between 0 and 1, alone or in rows, that the loss holds, or the functions that compute it read."""
    for part in (setup.loss_fn, setup.batch_loss):
        part = getattr(part, "func", part)  # of a functools.partial
        if isinstance(part, nn.Module):
            yield from _rows([*vars(part).values(), *part.buffers()])
            yield from _of_function(type(part).forward)
        elif isinstance(part, types.FunctionType | types.MethodType):
            yield from _of_function(getattr(part, "__func__", part))


def _speaks_of_quantiles(setup: TrainingSetup) -> bool:
    """By a name: that of the loss, or of a variable in the functions that compute it."""
    words: set[str] = set()
    for part in (setup.loss_fn, setup.batch_loss):
        part = getattr(part, "func", part)
        function = type(part).forward if isinstance(part, nn.Module) else getattr(part, "__func__", part)
        words |= {type(part).__name__, *_words(function)}
    return any(QUANTILE.search(word) for word in words)


def _words(function: Any, depth: int = 0) -> Iterator[str]:
    code = getattr(function, "__code__", None)
    if code is None:
        return
    yield from (code.co_qualname, *code.co_names, *code.co_varnames, *code.co_freevars)
    for name in code.co_names:
        inner = function.__globals__.get(name)
        if depth < 2 and isinstance(inner, types.FunctionType):
            yield from _words(inner, depth + 1)
        elif isinstance(inner, nn.Module):
            yield type(inner).__name__


def _of_function(function: Any, depth: int = 0) -> Iterator[list[float]]:
    """What it closes over, has for defaults, and reads of its module; one function further down as well."""
    code = getattr(function, "__code__", None)
    if code is None:
        return
    reads = [function.__globals__[name] for name in code.co_names if name in function.__globals__]
    closed = []
    for cell in function.__closure__ or ():
        try:
            closed.append(cell.cell_contents)
        except ValueError:  # not bound yet
            continue
    held = [*reads, *closed, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *code.co_consts]
    yield from _rows(held)
    for inner in held:
        if depth < 2 and isinstance(inner, types.FunctionType):
            yield from _of_function(inner, depth + 1)
        elif depth < 2 and isinstance(inner, nn.Module):
            yield from _rows([*vars(inner).values(), *inner.buffers()])


def _rows(held: list[Any]) -> Iterator[list[float]]:
    for value in held:
        if isinstance(value, Tensor):
            value = value.detach().flatten().tolist() if value.is_floating_point() and value.numel() <= 64 else None
        row = list(value) if isinstance(value, (list, tuple)) else [value]
        if row and all(isinstance(q, float) and 0 < q < 1 for q in row):
            yield row
