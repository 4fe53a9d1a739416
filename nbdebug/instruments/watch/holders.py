"""Which of the loop's variables holds on to graphs: found by walking from them, once, when too many are alive."""

from __future__ import annotations

import types
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch import Tensor, nn
from torch.utils.data import DataLoader

from nbdebug.instruments.watch.places import running_functions

DEPTH = 4  # attributes and items that are followed into a variable
OBJECTS = 4000  # things that are looked at
ITEMS = 512  # of one container
FEWEST = 5  # marked graphs make a holder
CLOSED = ("nbdebug", "torch", "IPython", "ipykernel")  # whose objects are not entered; a shell reaches every variable
OUTPUTS = ("In", "Out")  # of a notebook: a second name for what a variable holds
PLAIN = frozenset([type(None), bool, int, float, str, list, tuple, dict, set, OrderedDict])  # types of what is no tensor
NOT_ENTERED = (types.ModuleType, type, types.FunctionType, types.MethodType, str, bytes, int, float, DataLoader, nn.Parameter)


@dataclass(frozen=True)
class Holder:
    name: str  # as the loop would write it: losses, self.history['loss']
    function: str  # whose variable it is; "" of a cell or a module
    graphs: int  # marked ones that it reaches
    bounded: bool  # it forgets the oldest by itself


def holder_of(frame: FrameType, mark: str, nodes: int, before: int) -> Holder | None:
    """The variable that reaches most of the marked graphs; the first met, hence the innermost, among equals.

    Args:
        mark: key of the mark in a node's metadata.
        nodes: that are looked at behind one variable, at most.
        before: only graphs of updates before this one count.
    """
    best: Holder | None = None
    seen: set[int] = set()
    for function, variables in running_functions(frame):
        for name, value in sorted(variables.items(), key=_is_second_name):
            for path, tensors, bounded in _held(name, value, 0, seen):
                graphs = _reached(tensors, mark, nodes, before)
                if graphs >= FEWEST and (best is None or graphs > best.graphs):
                    best = Holder(path, function, graphs, bounded)
    return best


def _is_second_name(variable: tuple[str, Any]) -> bool:
    return variable[0].startswith("_") or variable[0] in OUTPUTS


def carried(model: nn.Module) -> Iterator[tuple[dict[str, Any], str]]:
    """The buffers and plain attributes of a model's modules that hold a tensor with a graph, as a dict and the key in it."""
    ahead, seen = [model], set()
    while ahead:  # as model.modules(), which names them too
        module = ahead.pop()
        if module is None or id(module) in seen:
            continue
        seen.add(id(module))
        for held in (module._buffers, module.__dict__):
            if not PLAIN.issuperset(map(type, held.values())):
                yield from [(held, name) for name, value in held.items() if isinstance(value, Tensor) and value.grad_fn is not None]
        ahead.extend(module._modules.values())


def graph_size(root: Tensor, most: int) -> int:
    """Nodes of the graph behind a tensor, counted up to `most`."""
    return sum(1 for _ in _nodes([root], most))


def _held(path: str, value: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, list[Tensor], bool]]:
    """Paths below a variable, the tensors with graphs there, and whether old ones fall out by themselves."""
    if isinstance(value, Tensor):
        if value.grad_fn is not None:
            yield path, [value], False
        return
    if depth > DEPTH or len(seen) > OBJECTS or id(value) in seen or value is None or isinstance(value, NOT_ENTERED):
        return
    seen.add(id(value))
    if isinstance(value, dict):
        yield path, _tensors(value.values()), False
        inner: Iterable[tuple[str, Any]] = ((f"{path}[{key!r}]", item) for key, item in _first(value.items()))
    elif isinstance(value, (list, tuple, set, deque)):
        yield path, _tensors(value), isinstance(value, deque) and value.maxlen is not None
        inner = ((path, item) for item in _first(value) if not isinstance(item, (Tensor, tuple)))
    else:
        inner = _attributes(path, value)
    for inner_path, item in inner:
        yield from _held(inner_path, item, depth + 1, seen)


def _attributes(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if type(value).__module__.split(".")[0] in CLOSED and not isinstance(value, nn.Module):
        return
    for name, item in _first(getattr(value, "__dict__", {}).items()):
        if name in ("_modules", "_buffers") and isinstance(value, nn.Module):
            yield from ((f"{path}.{child}", part) for child, part in _first(item.items()))
        elif not name.startswith("__"):
            yield f"{path}.{name}", item


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """Those with a graph, also inside the tuples of a container."""
    found = []
    for value in _first(values):
        inside = value if isinstance(value, tuple) else value.values() if isinstance(value, dict) else (value,)
        found.extend(t for t in inside if isinstance(t, Tensor) and t.grad_fn is not None)
    return found


def _first(values: Iterable[Any]) -> list[Any]:
    return [value for value, _ in zip(list(values), range(ITEMS), strict=False)]


def _reached(tensors: list[Tensor], mark: str, nodes: int, before: int) -> int:
    tokens = (node.metadata.get(mark) for node in _nodes(tensors, nodes))
    return len({id(token) for token in tokens if token is not None and token.step < before})


def _nodes(tensors: list[Tensor], most: int) -> Iterator[Any]:
    """The nodes behind some tensors, the nearest first."""
    ahead = deque(t.grad_fn for t in tensors if t.grad_fn is not None)
    known = set(ahead)
    while ahead and len(known) < most:
        node = ahead.popleft()
        yield node
        for following, _ in node.next_functions:
            if following is not None and following not in known:
                known.add(following)
                ahead.append(following)
