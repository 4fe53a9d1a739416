"""One layer that stands under several names and is given different inputs: is it one on purpose? It is asked of the training, with a layer of its own for each name."""

from __future__ import annotations

import copy
import inspect
import linecache
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nbdebug.batch import own_copy, tensors
from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import NbdebugError
from nbdebug.findings import Location
from nbdebug.lines.repeated import ON_PURPOSE, repetitions
from nbdebug.lines.sources import all_texts, cell_text, only
from nbdebug.listening import Tape, plain_path
from nbdebug.source_lines import location_fields
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

BY_ITS_NAME = re.compile(r"\[\s*self\.\w+(?:\s+for\b|\s*,?\s*\]\s*\*)")  # `[self.head for _ in levels]`: it was made first, and is one on purpose


@dataclass(frozen=True)
class Together:
    """A layer with weights under several names of one module, given different inputs."""

    owner: str  # dotted path of that module
    names: tuple[str, ...]
    kind: str  # its class
    location: Location


def one_for_all(setup: TrainingSetup, batch: Any) -> Together | None:
    """The one such layer of a model whose text speaks of no sharing; None where there is none, or where there are several."""
    places = list(_places(setup.model))
    if not places:
        return None
    try:
        with untouched(setup), Tape(setup.model) as tape:
            in_training_mode(setup)
            setup.loss(own_copy(batch))
    except NbdebugError:
        return None
    found = []
    for path, names, child in places:
        location, words = _written(setup.model, path, names)
        if _is_apart(tape, child) and not ON_PURPOSE.search(f"{path} {' '.join(names)} {words}") and not BY_ITS_NAME.search(words):
            place = plain_path(f"{path}.{names[0]}" if path else names[0])
            found.append(Together(path, names, type(child).__name__, Location(**{**location, "module": place})))
    return found[0] if len(found) == 1 else None


def _places(model: nn.Module) -> Iterator[tuple[str, tuple[str, ...], nn.Module]]:
    for path, owner in model.named_modules():
        held: dict[int, list[str]] = {}
        for name, child in owner._modules.items():
            if child is not None and any(p.ndim > 1 and p.requires_grad for p in child.parameters()):
                held.setdefault(id(child), []).append(name)
        yield from ((path, tuple(names), owner.get_submodule(names[0])) for names in held.values() if len(names) > 1)


def _is_apart(tape: Tape, child: nn.Module) -> bool:
    """Whether its calls get different inputs, none of them what another gave; the step itself tells of the others."""
    calls = [call for call in tape.modules if call.module is child and call.returned]
    given = [[t for _, t in tensors((call.args, call.kwargs))] for call in calls]
    if len(calls) < 2 or not all(given) or len({tuple(map(id, held)) for held in given}) < len(given):
        return False
    ways = [tape.ancestors(held[0]) for held in given]
    return not any(call.first <= index < call.last for call in calls for way in ways for index in way)


def _written(model: nn.Module, path: str, names: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """The fields of the one line that repeats it, with the words around it and those of the class; of no such line the text of the class."""
    owner = model.get_submodule(path)
    while path and type(owner).__module__.startswith("torch."):
        path = path.rpartition(".")[0]
        owner = model.get_submodule(path)
    found = [(text, cell, node) for text, cell, tree in all_texts(model) for node in repetitions(tree)]
    line = only(iter(found))  # type: ignore[arg-type]
    if line is None:
        try:
            return {}, inspect.getsource(type(owner))
        except (OSError, TypeError):
            return {}, ""
    lines = cell_text(line.cell).splitlines() if line.cell is not None else linecache.getlines(line.file)
    around = " ".join(lines[max(0, line.line - 3) : line.line])
    return location_fields(line), f"{type(owner).__name__} {type(owner).__doc__ or ''} {around}"


def parted(one: Together) -> Callable[[TrainingSetup], Callable[[], None]]:
    """What gives every name but the first a layer of its own, filled with the same numbers in another order, and moved by the same optimizer; it hands back what undoes it."""

    def part(setup: TrainingSetup) -> Callable[[], None]:
        owner = setup.model.get_submodule(one.owner) if one.owner else setup.model
        first, held = owner._modules[one.names[0]], dict(owner._modules)
        groups = [group for optimizer in setup.optimizers for group in optimizer.param_groups]
        generator = torch.Generator().manual_seed(0)
        for name in one.names[1:]:
            own = copy.deepcopy(first)
            owner._modules[name] = own
            for mine, theirs in zip(first.parameters(), own.parameters(), strict=True):  # type: ignore[union-attr]
                _shuffle(theirs, generator)
                for group in groups:
                    if any(p is mine for p in group["params"]):
                        group["params"].append(theirs)

        return lambda: owner._modules.update(held)

    return part


def _shuffle(weight: nn.Parameter, generator: torch.Generator) -> None:
    """A new weight of the same distribution; what is filled with a scale of its own by rows, as a padding row, keeps them."""
    with torch.no_grad():
        if weight.ndim > 1:
            weight.copy_(weight[:, torch.randperm(weight.shape[1], generator=generator).to(weight.device)] if weight.shape[1] > 1 else weight)
