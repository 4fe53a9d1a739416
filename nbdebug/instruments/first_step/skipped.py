"""Layers of a list that every step passes by, while all the others of that list run: a loop that ends too early."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from nbdebug import loading
from nbdebug.batch import tensors
from nbdebug.errors import NbdebugError
from nbdebug.instruments.first_step.answers import Skipped
from nbdebug.instruments.first_step.modes import used_at_times
from nbdebug.instruments.first_step.written import methods
from nbdebug.listening import ModuleCall, Tape, plain_path
from nbdebug.training_setup import TrainingSetup

BATCHES = 4  # the first among them; heads of several tasks take turns
ON_PURPOSE = re.compile(
    r"early|exit|progress|grow|(?:current|self)[._ ]?(?:stage|level|depth)|(?:layer|block|path|depth)[ _-]?drop|drop[ _-]?(?:path|layer|block)|stochastic|skip[ _-]?(?:layer|block)|prun|adaptive|anytime|slim|elastic|curricul|(?<!re)current[_ ]|activ(?:e|ated)[ _]|current|depth[ _-]?(?:wise|limit|schedule)", re.I
)


def skipped(setup: TrainingSetup, tape: Tape, idle: set[str]) -> tuple[Skipped, ...]:
    """Looked for in the last call of the model, and made sure of with further batches and passes.

    Args:
        idle: names of the trainable parameters that took no part in the step.
    """
    if not idle or tape.root is None or not tape.root.returned:
        return ()
    found = [one for path, owner in setup.model.named_modules() if isinstance(owner, nn.ModuleList) and (one := _in_list(setup.model, tape, path, owner, idle))]
    if not found:
        return ()
    used: set[str] = set()
    try:
        for batch in loading.first_batches(setup.train_loader, BATCHES):
            used |= used_at_times(setup, setup.moved(batch))
    except (NbdebugError, RuntimeError):
        return ()
    return tuple(one for one in found if not any(name.startswith(tuple(f"{one.owner}.{left}." for left in one.names)) for name in used))


def _in_list(model: nn.Module, tape: Tape, path: str, owner: nn.ModuleList, idle: set[str]) -> Skipped | None:
    own = plain_path(path)
    calls = {name: [call for call in tape.modules if call.module is child and call.returned] for name, child in owner.named_children()}
    called = [name for name, times in calls.items() if times]
    rest = [name for name, times in calls.items() if not times]
    if len(called) < 2 or not rest or len(rest) > len(called) or len({type(child) for child in owner}) > 1:
        return None
    if not all(_is_idle(f"{own}.{name}", owner[int(name)], idle) for name in rest) or ON_PURPOSE.search(f"{own} {_said(model, path)}"):
        return None
    chained = all(_feeds(tape, calls[one][0], calls[other][0]) for one, other in pairwise(called))
    same = len({tuple(id(t) for t in _given(calls[name][0])) for name in called}) == 1
    return Skipped(own, tuple(rest), tuple(called), chained) if chained or same else None


def _is_idle(path: str, module: nn.Module, idle: set[str]) -> bool:
    names = [f"{path}.{name}" for name, p in module.named_parameters() if p.requires_grad]
    return bool(names) and all(name in idle for name in names)


def _feeds(tape: Tape, one: ModuleCall, other: ModuleCall) -> bool:
    return any(one.first <= index < one.last for t in _given(other) for index in tape.ancestors(t))


def _given(call: ModuleCall) -> list[Tensor]:
    return [t for _, t in tensors((call.args, call.kwargs)) if isinstance(t, torch.Tensor)]


def _said(model: nn.Module, path: str) -> str:
    """What the classes around the list say of it, all of their text."""
    return " ".join(_texts(model, path))


def _texts(model: nn.Module, path: str) -> Iterator[str]:
    parts = path.split(".")[:-1]
    for depth in range(len(parts) + 1):
        for method in methods(model.get_submodule(".".join(parts[:depth]))):
            yield method.about
            yield "".join(method.lines)
