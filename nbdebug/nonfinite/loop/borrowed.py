"""What the body of a loop may change while it runs again, beside its own variables: set back to the moment, and given back afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from types import FrameType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import _unsafe_preserve_version_counter
from torch.optim import Optimizer
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.data import DataLoader
from torch.utils.data import dataloader as loaders

from nbdebug.nonfinite.loop.moments import CONTAINERS, Fetched, Moment, is_holder, taken_up
from nbdebug.source_lines import is_users
from nbdebug.untouched.aside import Aside
from nbdebug.untouched.session import HOOKS, global_names

MOST_COPIED = 2**29  # bytes of the user's own tensors that are copied for the time of the repetition; our choice
NOT_COUNTED = (Tensor, Optimizer, DataLoader, type, ModuleType, FunctionType)  # objects whose attributes are no count of anything
REGISTERED = {"_parameters", "_modules", "_buffers"}
DEEPEST = 3  # attributes and items of the user's objects that are looked into; our choice


@contextlib.contextmanager
def given_back(frame: FrameType, held: dict[str, Any], read: Iterable[str]) -> Iterator[None]:
    """The user's objects, containers, closures and global variables, however deep the body reaches into them."""
    aside, namespaces = Aside(), [frame.f_globals]
    cells: list[tuple[Any, Any]] = []
    seen: dict[int, Any] = {}
    for name in read:
        if name in held:
            _put_aside(held[name], aside, cells, namespaces, seen, 0)
    with _disable_current_modes():  # a trace hears the body, and nothing of ours
        values = [_Values(t) for t in _affordable(v for v in seen.values() if isinstance(v, Tensor))]
    saved = [(namespace, dict(namespace)) for namespace in {id(n): n for n in namespaces}.values()]
    try:
        yield
    finally:
        aside()
        with _disable_current_modes():
            for tensor in values:
                tensor.restore()
        for cell, value in cells:
            cell.cell_contents = value
        for namespace, values in saved:
            _rebind(namespace, values)


def _rebind(namespace: dict[str, Any], values: dict[str, Any]) -> None:
    for name in namespace.keys() - values.keys():
        del namespace[name]
    for name, value in values.items():
        if namespace.get(name, namespace) is not value:
            namespace[name] = value


def _put_aside(value: Any, aside: Aside, cells: list[tuple[Any, Any]], namespaces: list[dict[str, Any]], seen: dict[int, Any], depth: int) -> None:
    if id(value) in seen or depth > DEEPEST:
        return
    seen[id(value)] = value
    inside: Iterable[Any] = ()
    if type(value) in CONTAINERS:
        aside.container(value)
        inside = list(value.values() if isinstance(value, dict) else value)
    elif isinstance(value, tuple):
        inside = value
    elif isinstance(value, nn.Module):
        inside = [v for part in value.modules() for v in _module(part, aside)]
    elif is_holder(value) or (depth == 0 and hasattr(value, "__dict__") and not isinstance(value, NOT_COUNTED)):  # also a meter or a bar of a library's
        aside.mapping(vars(value))
        inside = [*vars(value).values(), *_methods(value)] if is_holder(value) else ()
    elif isinstance(value, FunctionType) and is_users(value.__code__):
        namespaces.append(value.__globals__)
        filled = _filled(value)
        inside = [*(content for _, content in filled), *_globals(value)]
        cells += filled
    for item in inside:
        _put_aside(item, aside, cells, namespaces, seen, depth + 1)


def _methods(holder: Any) -> list[FunctionType]:
    return [f for f in vars(type(holder)).values() if isinstance(f, FunctionType)]


def _globals(function: FunctionType) -> list[Any]:
    """The containers, objects and functions of the user's that it names."""
    named = (function.__globals__.get(name) for name in global_names(function.__code__))
    return [v for v in named if type(v) in CONTAINERS or is_holder(v) or isinstance(v, FunctionType)]


def _module(part: nn.Module, aside: Aside) -> list[Any]:
    """A module's attributes and buffers put aside; what is to be looked into. Weights are somebody else's business."""
    aside.mapping(vars(part), without=REGISTERED)
    aside.registry(part._buffers)
    return [*part._buffers.values(), *(v for k, v in vars(part).items() if k not in HOOKS | REGISTERED and isinstance(v, (Tensor, *CONTAINERS)))]


class _Values:
    """A tensor of the user's, with its gradient: what the body writes into it is undone."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._copy, self._version = tensor, tensor.detach().clone(), tensor._version
        self._leaf = tensor.is_leaf and tensor.requires_grad
        self._gradient = tensor.grad if self._leaf else None
        self._gradient_copy = None if self._gradient is None else self._gradient.clone()

    def restore(self) -> None:
        with torch.no_grad():
            if self._tensor._version != self._version:
                with _unsafe_preserve_version_counter(self._tensor):
                    self._tensor.copy_(self._copy)
            if self._leaf:
                self._tensor.grad = self._gradient
                if self._gradient is not None:
                    self._gradient.copy_(self._gradient_copy)


def _affordable(tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    """The smallest first, as many as fit; a whole data set on one name is nothing that a step writes to."""
    total = 0
    for tensor in sorted((t for t in tensors if not t.is_inference() and t.layout == torch.strided and not t.is_meta), key=lambda t: t.nbytes):
        total += tensor.nbytes
        if total > MOST_COPIED:
            return
        yield tensor


def _filled(function: FunctionType) -> list[tuple[Any, Any]]:
    """The cells of its closure, with what they hold."""
    found = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # an empty one
            found.append((cell, cell.cell_contents))
    return found


def as_then(moment: Moment, held: dict[str, Any]) -> None:
    """Sets what else the pass carries to what it was: attributes of objects, globals of functions, variables in closures."""
    for mapping, kept in (*moment.attributes, *moment.bindings):
        for name, value in kept.items():
            mapping[name] = taken_up(value)
    for value in [held[name] for name in moment.loop.read if name in held]:
        if isinstance(value, FunctionType) and is_users(value.__code__):
            _set_cells(value, moment, held)


def _set_cells(function: FunctionType, moment: Moment, held: dict[str, Any]) -> None:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name in moment.variables and name in held:
            with contextlib.suppress(ValueError):
                if cell.cell_contents is held[name]:
                    cell.cell_contents = taken_up(moment.variables[name])


# -- the batches ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def recorded(batches: list[Fetched]) -> Iterator[None]:
    """Loaders give the batches that they gave in this pass, and random states are those after it; none of the user's iterators moves."""
    waiting = [fetched for fetched in batches if fetched.drawn is not None]
    begin, following = DataLoader.__iter__, loaders._BaseDataLoaderIter.__next__

    def give(loader: Any) -> Any:
        fetched = next((f for f in waiting if loader is None or f.loader is loader), None)
        if fetched is None:
            raise StopIteration
        waiting.remove(fetched)
        for setting, state in fetched.drawn or ():
            setting.write(state)
        return fetched.batch

    def again(loader: Any) -> Iterator[Any]:
        return iter(_Given(lambda: give(loader)))

    DataLoader.__iter__, loaders._BaseDataLoaderIter.__next__ = again, lambda iterator: give(None)  # type: ignore[method-assign]
    try:
        yield
    finally:
        DataLoader.__iter__, loaders._BaseDataLoaderIter.__next__ = begin, following  # type: ignore[method-assign]


class _Given:
    def __init__(self, give: Any) -> None:
        self._give = give

    def __iter__(self) -> _Given:
        return self

    def __next__(self) -> Any:
        return self._give()
