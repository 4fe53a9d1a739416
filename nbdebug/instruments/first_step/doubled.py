"""One input taken twice, and another of its shape by nobody: `self.encode(a), self.encode(a)`, `self.left(a), self.right(a)`, or `model(batch["a"], batch["a"])`."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Doubled
from nbdebug.instruments.first_step.calls import has_weights
from nbdebug.instruments.first_step.hearing import _name
from nbdebug.instruments.first_step.written import Method, function_written, methods
from nbdebug.listening import ModuleCall, Tape
from nbdebug.training_setup import TrainingSetup


def doubled(setup: TrainingSetup, batch: Any, tape: Tape, unused: tuple[str, ...]) -> tuple[Doubled, ...]:
    """Args: unused: paths of the inputs that no operator reads."""
    root = tape.root
    if root is None or not root.returned:
        return ()
    given = dict(batches.tensors((root.args, root.kwargs)))
    held = dict(batches.tensors(batch))
    return (*_in_model(setup.model, tape, root, given, unused), *_in_call(setup.model, held, tape, given), *_in_calls(setup, held, tape))


def _in_model(model: nn.Module, tape: Tape, root: ModuleCall, given: dict[str, Tensor], unused: tuple[str, ...]) -> Iterator[Doubled]:
    """A layer that gets the same values twice, or two of one kind that get one input, while another that is just like it is not read."""
    for path in unused:
        idle = given.get(path)
        twins = {name: other for name, other in given.items() if name != path and idle is not None and _are_alike(idle, other)}
        again = next((call for call in (_again(tape, root) if twins else ()) if any(_stems_from(tape, call, twin) for twin in twins.values())), None)
        beside = None if again is not None or not _is_forgotten(model, path) else next((found for name in twins if (found := _beside(tape, root, twins[name]))), None)
        if again is not None and again.path:
            twin = next(name for name, other in twins.items() if _stems_from(tape, again, other))
            yield Doubled(_name(model, path), again.path, _line(model, tape, again, _name(model, twin)))
        elif not twins and (unasked := _never_called(model, tape)) and (again := next((call for call in _again(tape, root) if call.path), None)) is not None:
            yield Doubled(_name(model, path), again.path or "", _line(model, tape, again, ""), idle=unasked)
        elif beside is not None:
            yield Doubled(_name(model, path), beside[1].path or "", _line_of_call(model, beside[1]), beside=beside[0].path or "")


def _in_call(model: nn.Module, held: dict[str, Tensor], tape: Tape, given: dict[str, Tensor]) -> Iterator[Doubled]:
    """Two arguments of the model that are one tensor of the batch, while nothing reads another of its shape."""
    names = list(given)
    same = next(((a, b) for at, a in enumerate(names) for b in names[at + 1 :] if given[a] is given[b] and any(given[a] is t for t in held.values())), None)
    idle = _idle(held, tape, given[same[0]]) if same is not None else []
    if same is not None and len(idle) == 1:
        yield Doubled(f"batch{idle[0]}", "", Location(), tuple(_name(model, path) for path in same))


def _in_calls(setup: TrainingSetup, held: dict[str, Tensor], tape: Tape) -> Iterator[Doubled]:
    """Two calls of the model that get one tensor of the batch, while nothing reads another of its shape."""
    seen: list[Tensor] = []
    for call in (call for call in tape.modules if call.module is tape.model and call.returned):
        tensor = next((t for _, t in batches.tensors((call.args, call.kwargs))), None)
        if tensor is not None and any(tensor is other for other in seen) and any(tensor is t for t in held.values()):
            if len(idle := _idle(held, tape, tensor)) == 1:
                yield Doubled(f"batch{idle[0]}", "", _line_of_repeated(function_written(setup.batch_loss)), calls=2)
            return
        seen += [tensor] if tensor is not None else []


def _idle(held: dict[str, Tensor], tape: Tape, taken: Tensor) -> list[str]:
    """What the batch holds of the shape of a tensor, and neither an operator nor a module is given."""
    read = {id(t) for call in tape.calls for t in call.inputs()} | {id(t) for call in tape.modules for _, t in batches.tensors((call.args, call.kwargs))}
    return [name for name, t in held.items() if id(t) not in read and t.ndim > 1 and _are_alike(t, taken)]


def _are_alike(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape and left.ndim > 0 and left.dtype == right.dtype and not torch.equal(left, right)


def _again(tape: Tape, root: ModuleCall) -> Iterator[ModuleCall]:
    """Calls, within that of the model, of a layer with weights that has had the very same values before."""
    before: dict[int, list[Tensor]] = {}
    for call, tensor in _inner(tape, root):
        if any(other.shape == tensor.shape and torch.equal(other, tensor) for other in before.get(id(call.module), ())):
            yield call
        before.setdefault(id(call.module), []).append(tensor)


def _never_called(model: nn.Module, tape: Tape) -> str:
    """The one part of a model with weights none of which an operator takes; "" where there is none, or more than one."""
    taken = {id(t) for call in tape.calls for t in call.inputs()}
    idle = [name for name, part in model.named_children() if has_weights(part) and not any(id(p) in taken for p in part.parameters())]
    return idle[0] if len(idle) == 1 else ""


def _beside(tape: Tape, root: ModuleCall, twin: Tensor) -> tuple[ModuleCall, ModuleCall] | None:
    """Two parts of the model of one class that are both given this input itself."""
    taking = [call for call, tensor in _inner(tape, root) if tensor is twin]
    taking = [call for call in taking if not any(other is not call and other.path and str(call.path).startswith(f"{other.path}.") for other in taking)]
    if len(taking) != 2 or type(taking[0].module) is not type(taking[1].module) or taking[0].module is taking[1].module:
        return None
    return taking[0], taking[1]


def _inner(tape: Tape, root: ModuleCall) -> Iterator[tuple[ModuleCall, Tensor]]:
    """Calls of parts with weights within that of the model, with the first tensor they get."""
    for call in tape.modules:
        tensor = next((t for _, t in batches.tensors((call.args, call.kwargs))), None)
        if call is not root and call.path is not None and tensor is not None and root.first <= call.first <= root.last and has_weights(call.module):
            yield call, tensor


def _stems_from(tape: Tape, call: ModuleCall, source: Tensor) -> bool:
    tensor = next(t for _, t in batches.tensors((call.args, call.kwargs)))
    return tensor is source or any(t is source for index in tape.ancestors(tensor) for t in tape.calls[index].inputs())


# -- what is written ---------------------------------------------------------------------------------------------


def _is_forgotten(model: nn.Module, path: str) -> bool:
    """Whether forward must be given this input by the name of an argument of its own, and its text never speaks of it again."""
    name = _name(model, path)
    forward = next((method for method in methods(model) if method.name == "forward"), None)
    if forward is None:
        return False
    if (key := re.search(r"\['(\w+)'\]$", name)) is not None:
        return not any(isinstance(node, ast.Constant) and node.value == key[1] for node in ast.walk(forward.tree))
    argument = inspect.signature(model.forward).parameters.get(name)
    loaded = {node.id for node in ast.walk(forward.tree) if isinstance(node, ast.Name)}
    return argument is not None and argument.default is inspect.Parameter.empty and argument.kind is argument.POSITIONAL_OR_KEYWORD and name not in loaded


def _line(model: nn.Module, tape: Tape, call: ModuleCall, twin: str) -> Location:
    """The later of two calls of one text in the user's forward, of the layer or of what is given the input; else the line that ran first within the call."""
    attribute = str(call.path).rpartition(".")[2]
    for method in methods(model):
        if (place := _line_of_repeated(method, attribute)).line is not None:
            return place
    forward = next((method for method in methods(model) if method.name == "forward"), None)
    place = _line_of_repeated(forward, given=twin)
    return place if place.line is not None else tape.calls[call.first].location if call.first < len(tape.calls) else Location()


def _line_of_call(model: nn.Module, call: ModuleCall) -> Location:
    """The one call of a part by its name."""
    attribute = str(call.path).rpartition(".")[2]
    found = [method.location(node) for method in methods(model) for node in ast.walk(method.tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute]
    return found[0] if len(found) == 1 else Location()


def _line_of_repeated(method: Method | None, attribute: str = "", given: str = "") -> Location:
    """The later of two calls with one text: of an attribute, or with a name for its first argument, or of any `model`."""
    seen: set[str] = set()
    for node in ast.walk(method.tree) if method is not None else ():
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.func, (ast.Attribute, ast.Name)):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if (ast.unparse(node.args[0]) == given) if given else called == (attribute or "model"):
            if (text := f"{ast.unparse(node.func)} {ast.unparse(node.args[0])}") in seen:
                return method.location(node)  # type: ignore[union-attr]
            seen.add(text)
    return Location()
