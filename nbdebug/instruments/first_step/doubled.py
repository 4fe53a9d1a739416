"""One input taken twice, and another of its shape by nobody: `self.encode(a), self.encode(a)`, or `model(batch["a"], batch["a"])`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Doubled
from nbdebug.instruments.first_step.calls import has_weights
from nbdebug.instruments.first_step.hearing import _name
from nbdebug.instruments.first_step.written import methods
from nbdebug.listening import ModuleCall, Tape


def doubled(model: nn.Module, batch: Any, tape: Tape, unused: tuple[str, ...]) -> tuple[Doubled, ...]:
    """Args: unused: paths of the inputs that no operator reads."""
    root = tape.root
    if root is None or not root.returned:
        return ()
    given = dict(batches.tensors((root.args, root.kwargs)))
    return (*_in_model(model, tape, root, given, unused), *_in_call(model, batch, tape, given))


def _in_model(model: nn.Module, tape: Tape, root: ModuleCall, given: dict[str, Tensor], unused: tuple[str, ...]) -> Iterator[Doubled]:
    """A layer that gets the same values twice, which stem from an input that is just like one that is not read."""
    for path in unused:
        idle = given.get(path)
        twins = [other for name, other in given.items() if name != path and idle is not None and _are_alike(idle, other)]
        again = next((call for call in (_again(tape, root) if twins else ()) if any(_stems_from(tape, call, twin) for twin in twins)), None)
        if idle is not None and again is not None and again.path:
            yield Doubled(_name(model, path), again.path, _line(model, tape, again))


def _in_call(model: nn.Module, batch: Any, tape: Tape, given: dict[str, Tensor]) -> Iterator[Doubled]:
    """Two arguments of the model that are one tensor of the batch, while nothing reads another of its shape."""
    held = dict(batches.tensors(batch))
    names = list(given)
    same = next(((a, b) for at, a in enumerate(names) for b in names[at + 1 :] if given[a] is given[b] and any(given[a] is t for t in held.values())), None)
    if same is None:
        return
    read = {id(t) for call in tape.calls for t in call.inputs()} | {id(t) for t in given.values()}
    idle = [name for name, t in held.items() if id(t) not in read and _are_alike(t, given[same[0]])]
    if len(idle) == 1:
        yield Doubled(f"batch{idle[0]}", "", Location(), tuple(_name(model, path) for path in same))


def _are_alike(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape and left.ndim > 1 and left.dtype == right.dtype and not torch.equal(left, right)


def _again(tape: Tape, root: ModuleCall) -> Iterator[ModuleCall]:
    """Calls, within that of the model, of a layer with weights that has had the very same values before."""
    before: dict[int, list[Tensor]] = {}
    for call in tape.modules:
        tensor = next((t for _, t in batches.tensors((call.args, call.kwargs))), None)
        if call is root or call.path is None or tensor is None or not root.first <= call.first <= root.last or not has_weights(call.module):
            continue
        if any(other.shape == tensor.shape and torch.equal(other, tensor) for other in before.get(id(call.module), ())):
            yield call
        before.setdefault(id(call.module), []).append(tensor)


def _stems_from(tape: Tape, call: ModuleCall, source: Tensor) -> bool:
    tensor = next(t for _, t in batches.tensors((call.args, call.kwargs)))
    return tensor is source or any(t is source for index in tape.ancestors(tensor) for t in tape.calls[index].inputs())


def _line(model: nn.Module, tape: Tape, call: ModuleCall) -> Location:
    """The later of two calls of one text in the user's forward; else the line that ran first within the call."""
    attribute = str(call.path).rpartition(".")[2]
    for method in methods(model):
        seen: set[str] = set()
        for node in ast.walk(method.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute:
                if (text := ast.unparse(node)) in seen:
                    return method.location(node)
                seen.add(text)
    return tape.calls[call.first].location if call.first < len(tape.calls) else Location()
