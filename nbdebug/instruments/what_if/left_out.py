"""Layers that no optimizer holds, although gradients reach them: frozen on purpose, or forgotten? It is asked of the training, with all of them free.

A trunk that another training made is frozen with good reason. So it is asked only of weights that stand as they were drawn, in a text that neither loads nor freezes anything.
"""

from __future__ import annotations

import ast
import linecache
import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import own_copy
from nbdebug.counterfactual import in_training_mode, trainable
from nbdebug.errors import NbdebugError
from nbdebug.lines.names import called, calls
from nbdebug.lines.sources import all_texts, cell_text
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

ON_PURPOSE = re.compile(
    r"fr[eo]ez|froz|requires_grad|stop.?grad|pre.?train|fine.?tun|transfer|prob(?:e|ing)\b|reservoir|echo.state|extreme.learn|random.(?:\w+.)?(?:feature|projection|fourier|kitchen|body|encoder|trunk)"
    r"|lottery|distil|teacher|backbone|load_state|from_pretrained|torch\.load|load_(?:file|model|weights|checkpoint)|\bhub\b|weights\s*=|unfreez|only (?:the )?(?:\w+ )?(?:head|read.?out|classifier|last layer)", re.I,
)  # fmt: skip
SPIKE = 1.3  # times the largest singular value of noise of that size, above which a weight has learnt something; our choice
NARROW = 4  # rows or columns, of fewer of which the singular values tell nothing


@dataclass(frozen=True)
class LeftOut:
    """Parameters that get gradients and that the one optimizer does not hold."""

    names: tuple[str, ...]
    weights: tuple[nn.Parameter, ...]


def left_out(setup: TrainingSetup, batch: Any) -> LeftOut | None:
    """Those of a model that look forgotten; None where there are none, where they were learnt before, or where the text has plans with them."""
    held = {id(p) for optimizer in setup.optimizers for group in optimizer.param_groups for p in group["params"]}
    free = [(name, p) for name, p in trainable(setup.model) if id(p) not in held and p.is_floating_point()]
    if not free or len(free) == len(list(trainable(setup.model))) or not all(map(_as_drawn, (p for _, p in free))) or _planned(setup):
        return None
    try:
        with untouched(setup):
            in_training_mode(setup)
            setup.backward(setup.loss(own_copy(batch)))
            felt = [(name, p) for name, p in free if p.grad is not None and bool(p.grad.any())]
    except NbdebugError:
        return None
    return LeftOut(tuple(name for name, _ in felt), tuple(p for _, p in felt)) if felt else None


def _as_drawn(weight: Tensor) -> bool:
    """Whether no direction of a matrix stands out of the noise that it was drawn from; vectors tell nothing."""
    rows = weight.detach().flatten(1).double() if weight.ndim > 1 else None
    if rows is None or min(rows.shape) < NARROW:
        return True
    return float(torch.linalg.matrix_norm(rows, 2)) <= SPIKE * float(rows.square().mean().sqrt()) * sum(map(math.sqrt, rows.shape))


def _planned(setup: TrainingSetup) -> bool:
    """Whether the text speaks of freezing or loading, picks parameters by a condition, or builds more than the one optimizer; one that cannot be read may."""
    kind, built = type(setup.optimizers[0]).__name__, 0
    for file, cell, tree in all_texts(setup.model):
        if ON_PURPOSE.search(cell_text(cell) if cell is not None else "".join(linecache.getlines(file))):
            return True
        optimizers = [call for call in calls(tree) if called(call)[:1].isupper() and (hasattr(torch.optim, called(call)) or called(call) == kind)]
        if any(isinstance(part, ast.comprehension) and part.ifs or called(part) == "filter" for call in optimizers for part in ast.walk(call)):
            return True
        built += len(optimizers)
    return built != 1


def joined(one: LeftOut) -> Any:
    """What gives them to the optimizer, with the settings of its first group; the frame takes them out again."""

    def join(setup: TrainingSetup) -> None:
        optimizer = setup.optimizers[0]
        settings = {key: value for key, value in optimizer.param_groups[0].items() if key not in ("params", "param_names")}
        optimizer.add_param_group({**settings, "params": list(one.weights)})

    return join
