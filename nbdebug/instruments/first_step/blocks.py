"""One layer object inside several blocks of one class: a default argument that is made once, or a layer made before the loop that builds the blocks."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace

from torch import nn

from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Repeated
from nbdebug.instruments.first_step.calls import ON_PURPOSE, chained_and_alike, has_weights
from nbdebug.instruments.first_step.written import Method, methods
from nbdebug.listening import Tape, plain_path


def among_blocks(model: nn.Module, tape: Tape) -> Iterator[Repeated]:
    """Layers that blocks of one class, one behind another, hold in common under one name. What has a name elsewhere too is meant so, perhaps."""
    holders: dict[tuple[int, str, type], list[tuple[str, nn.Module]]] = {}
    for path, owner in model.named_modules():
        for name, child in owner._modules.items():
            if child is not None and has_weights(child):
                holders.setdefault((id(child), name, type(owner)), []).append((plain_path(path), owner))
    for (_, name, kind), owners in holders.items():
        if len({id(owner) for _, owner in owners}) < 2 or not (written := list(methods(owners[0][1]))):
            continue
        child = owners[0][1]._modules[name]
        if child is None or not chained_and_alike(tape, child)[0]:
            continue
        default = _default(kind, child, written)
        about = " ".join([*(method.about + "".join(method.lines) for method in written), *_builders(model, owners[0][0])])
        if default is None and ON_PURPOSE.search(about):
            continue
        elsewhere = any(child in module._modules.values() for module in model.modules() if type(module) is not kind)
        place = Location() if default is None else default
        paths = tuple(f"{path}.{name}" for path, _ in owners)
        yield Repeated("", paths, type(child).__name__, len(list(child.parameters())), True, elsewhere, replace(place, module=paths[0]))


def _default(kind: type, child: nn.Module, written: list[Method]) -> Location | None:
    """The line of the constructor of which it is a default value: that is made once, when the class is."""
    try:
        defaults = [p.default for p in inspect.signature(kind).parameters.values()]
    except (TypeError, ValueError):
        return None
    if not any(one is child for one in defaults):
        return None
    init = next((method for method in written if method.name == "__init__"), None)
    if init is None:
        return Location()
    node = next((d for d in (*init.tree.args.defaults, *filter(None, init.tree.args.kw_defaults)) if isinstance(d, ast.Call)), init.tree)
    return init.location(node)


def _builders(model: nn.Module, path: str) -> Iterator[str]:
    """What the classes say that hold the blocks."""
    modules = {plain_path(name): module for name, module in model.named_modules()}
    while path:
        path = path.rpartition(".")[0]
        for method in methods(modules[path]) if path in modules else ():
            yield method.about + "".join(method.lines)
