"""Parameter × gradient × optimizer: who is used, who learns, who is moved, and where a gradient is cut off."""

from __future__ import annotations

import contextlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from nbdebug.findings import Location
from nbdebug.instruments.first_step.result import Cut, Hidden, ParameterRow
from nbdebug.listening import LEAVES_TORCH, Call, Tape, plain_path
from nbdebug.tensor_stats import rms
from nbdebug.training_setup import TrainingSetup


def wiring(setup: TrainingSetup, tape: Tape, loss: Tensor) -> dict[str, Any]:
    """The fields of FirstStep that tell how parameters, gradients and optimizers hang together."""
    owners = {id(p): i for i, o in enumerate(setup.optimizers) for group in o.param_groups for p in group["params"]}
    named = {id(p): plain_path(name) for name, p in setup.model.named_parameters()}
    cuts = _cuts(tape, loss)
    first_use = _first_use(tape)
    cut_of = _cut_of(tape, cuts, {id(p) for p in setup.model.parameters() if p.requires_grad and p.grad is None})
    spoken = _Mentions(setup, tape)
    scale = setup.scale()
    rows = tuple(
        ParameterRow(
            name=plain_path(name),
            shape=tuple(p.shape),
            trainable=p.requires_grad,
            used=id(p) in first_use or p.grad is not None,
            order=first_use.get(id(p), -1),
            gradient=None if p.grad is None else rms(p.grad) / scale,
            optimizer=owners.get(id(p)),
            cut=cut_of.get(id(p)) if p.grad is None else None,
            mentioned=id(p) in first_use or spoken.of(name),
        )
        for name, p in setup.model.named_parameters()
    )
    known = {id(p) for p in setup.loss_fn.parameters()} if isinstance(setup.loss_fn, nn.Module) else set()
    return {
        "parameters": rows,
        "foreign": sum(1 for key in owners if key not in named and key not in known),
        "cuts": tuple(Cut(call.operator, call.grad_enabled, call.location) for call in cuts),
        "hidden": tuple(_hidden(setup.model, tape, known=set(named) | known, owners=set(owners))),
    }


@contextlib.contextmanager
def borrowed_leaves(tape: Tape) -> Iterator[None]:
    """Takes the gradients of every leaf the step met, registered or not, and hands them back."""
    leaves = {id(t): t for call in tape.calls for t in call.inputs() if t.is_leaf and t.requires_grad}
    saved = [(leaf, leaf.grad) for leaf in leaves.values()]
    for leaf, _ in saved:
        leaf.grad = None
    try:
        yield
    finally:
        for leaf, gradient in saved:
            leaf.grad = gradient


def _first_use(tape: Tape) -> dict[int, int]:
    first: dict[int, int] = {}
    for call in tape.calls:
        for tensor in call.inputs():
            if isinstance(tensor, nn.Parameter):
                first.setdefault(id(tensor), call.index)
    return first


def _cuts(tape: Tape, loss: Tensor) -> list[Call]:
    """Calls that stop a gradient on its way from the loss, in the order of the forward pass."""
    toward_loss = tape.ancestors(loss)
    return [call for call in tape.calls if _stops_gradient(call) and (call.index in toward_loss or call.name in LEAVES_TORCH)]


def _stops_gradient(call: Call) -> bool:
    wanting = [t for t in call.inputs() if t.requires_grad]
    if not wanting or call.name in ("grad", "requires_grad_"):
        return False
    return not any(t.requires_grad for t in call.outputs())


def _cut_of(tape: Tape, cuts: list[Call], silent: set[int]) -> dict[int, int]:
    """id of a parameter without gradient → index of the first cut among the calls that descend from it."""
    if not silent:
        return {}
    reached_by: dict[int, set[int]] = {}  # call → parameters it descends from
    places = {call.index: position for position, call in enumerate(cuts)}
    found: dict[int, int] = {}
    for call in tape.calls:
        roots = {id(t) for t in call.inputs()} & silent
        roots = roots.union(*(reached_by[parent] for parent in call.parents if parent >= 0))
        reached_by[call.index] = roots
        if call.index in places:
            for root in roots:
                found.setdefault(root, places[call.index])
    return found


# -- tensors that learn but are not registered ----------------------------------------------------------------


def _hidden(model: nn.Module, tape: Tape, *, known: set[int], owners: set[int]) -> Iterator[Hidden]:
    """Leaves with a gradient that hide in a plain list, dict or attribute of one of the model's modules."""
    leaves = {id(t): t for call in tape.calls for t in call.inputs() if t.is_leaf and t.grad is not None}
    strangers = {key: leaf for key, leaf in leaves.items() if key not in known}
    if not strangers:
        return
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_") and name in _MODULE_INTERNALS:
                continue
            for place, tensor in _tensors_inside(value, name):
                if id(tensor) in strangers:
                    leaf = strangers.pop(id(tensor))
                    yield Hidden(place, plain_path(path), tuple(leaf.shape), id(leaf) in owners)


_MODULE_INTERNALS = frozenset(vars(nn.Module()))


def _tensors_inside(value: Any, place: str, depth: int = 4) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield place, value
    elif isinstance(value, nn.Module):
        for name, parameter in value.named_parameters():
            yield f"{place}.{name}", parameter
    elif depth and isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors_inside(item, f"{place}[{key!r}]", depth - 1)
    elif depth and isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from _tensors_inside(item, f"{place}[{position}]", depth - 1)


# -- layers that nobody speaks of -----------------------------------------------------------------------------


class _Mentions:
    """Whether some code other than a constructor speaks of the layer that a parameter belongs to."""

    def __init__(self, setup: TrainingSetup, tape: Tape) -> None:
        self.modules = {name: module for name, module in setup.model.named_modules()}
        self.called = {id(call.module) for call in tape.modules}
        self.outside = _words_of(setup.batch_loss) | _words_of(setup.loss_fn) | _words_around(setup.model)
        self._words: dict[type, set[str]] = {}

    def of(self, parameter: str) -> bool:
        """Walks up from the parameter to the first module that ran, and asks whether it speaks of the way down."""
        path, _, attribute = parameter.rpartition(".")
        while True:
            module = self.modules[path]
            kind = type(module)
            if kind not in self._words:
                self._words[kind] = _words_in_class(kind)
            if attribute in self._words[kind] or attribute in self.outside:
                return True
            own_class = not kind.__module__.startswith("torch.nn")
            if (id(module) in self.called and own_class) or not path:
                return False
            path, _, attribute = path.rpartition(".")


def _words_in_class(kind: type) -> set[str]:
    words: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.startswith("torch.") or base is object:
            continue
        for name, member in vars(base).items():
            if name != "__init__":
                words |= _words_of(member)
    return words


def _words_around(model: nn.Module) -> set[str]:
    """Names used by the functions of the module or notebook where the model's class was written."""
    home = sys.modules.get(type(model).__module__)
    if home is None or type(model).__module__.startswith("torch"):
        return set()
    words: set[str] = set()
    for member in list(vars(home).values()):
        if isinstance(member, types.FunctionType) and member.__module__ == home.__name__:
            words |= _words_of(member)
    for cell in vars(home).get("In", ()):  # a notebook: what its cells say outside of functions
        words |= set(re.findall(r"(?<!\bself)\.(\w+)", str(cell)))
    return words


def _words_of(member: Any) -> set[str]:
    """Attribute names and strings in a function, method, property or callable object."""
    member = getattr(member, "fget", None) or getattr(member, "__func__", None) or getattr(member, "__wrapped__", None) or member
    code = getattr(member, "__code__", None)
    return _words_of_code(code) if isinstance(code, types.CodeType) else set()


def _words_of_code(code: types.CodeType) -> set[str]:
    words = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, str):
            words.add(constant)
        elif isinstance(constant, types.CodeType):
            words |= _words_of_code(constant)
    return words


def place_of(row: ParameterRow) -> Location:
    """The parameter as a location."""
    return Location(module=row.name.rpartition(".")[0], parameter=row.name)
