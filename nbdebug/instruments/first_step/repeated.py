"""One layer object that stands in several places: three layers on paper, one set of weights in fact."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from torch import nn

from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Repeated
from nbdebug.instruments.first_step.blocks import among_blocks
from nbdebug.instruments.first_step.calls import ON_PURPOSE, chained_and_alike, has_weights
from nbdebug.instruments.first_step.written import chain, methods
from nbdebug.lines.built import line_that_builds
from nbdebug.lines.repeated import repetitions
from nbdebug.lines.sources import all_texts, only
from nbdebug.listening import Tape, plain_path
from nbdebug.source_lines import location_fields

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def repeated(model: nn.Module, tape: Tape) -> tuple[Repeated, ...]:
    """Layers repeated by what looks like an accident. A text that speaks of sharing tells that it is none."""
    within = (found for path, owner in model.named_modules() for found in _in_owner(model, tape, plain_path(path), owner))
    return (*within, *among_blocks(model, tape))


def _places(owner: nn.Module) -> Iterator[tuple[list[str], nn.Module]]:
    """The layers with weights that stand under several names, with these."""
    places: dict[int, list[str]] = {}
    for name, child in owner._modules.items():
        if child is not None and has_weights(child):
            places.setdefault(id(child), []).append(name)
    for names in places.values():
        child = owner._modules[names[0]]
        if len(names) > 1 and child is not None:
            yield names, child


def _in_owner(model: nn.Module, tape: Tape, path: str, owner: nn.Module) -> Iterator[Repeated]:
    for names, child in _places(owner):
        chained, same_input = chained_and_alike(tape, child)
        if not chained and not same_input:
            continue  # towers over several inputs
        written, location = _written(model, path, owner)
        if ON_PURPOSE.search(f"{path} {' '.join(names)} {written}"):
            continue
        named = (isinstance(owner, CONTAINERS) and _stands_elsewhere(model, owner, child)) or (
            not isinstance(owner, CONTAINERS) and chained and not _is_series(names)
        )
        count = len(list(child.parameters()))
        yield Repeated(path, tuple(names), type(child).__name__, count, chained, named, replace(location, module=_join(path, names[0])))


def _stands_elsewhere(model: nn.Module, owner: nn.Module, child: nn.Module) -> bool:
    return any(child in module._modules.values() for module in model.modules() if module is not owner)


def _is_series(names: list[str]) -> bool:
    """fc1 and fc2 are meant as two."""
    return len({name.rstrip("0123456789") for name in names}) == 1


# -- the text that did it ---------------------------------------------------------------------------------------


def _written(model: nn.Module, path: str, owner: nn.Module) -> tuple[str, Location]:
    """What is written about the repetition, and where; of what no class of the user's builds, the line that builds it."""
    above, _, attribute = path.rpartition(".")
    modules = {plain_path(name): module for name, module in model.named_modules()}
    builder = owner if not isinstance(owner, CONTAINERS) else modules.get(above) if path else None
    written = [method for method in methods(builder) if method.name != "forward"] if builder is not None else []
    for method in written:
        statements = list(repetitions(method.tree, method.me))
        if len(statements) == 1:
            return f"{method.about} {method.around(statements[0])}", method.location(statements[0])
    for method in written:
        for node in ast.walk(method.tree):
            targets = node.targets if isinstance(node, ast.Assign) else ()
            if any(chain(target, method.me)[:1] == (attribute,) for target in targets):
                elsewhere = _in_function(model, node)  # type: ignore[arg-type]
                return f"{method.about} {''.join(method.lines)}", method.location(node) if elsewhere is None else elsewhere
    text = " ".join(method.about + "".join(method.lines) for method in written)
    line = line_that_builds(type(owner).__name__) if isinstance(owner, CONTAINERS) else None
    return text, Location(**location_fields(line))


def _in_function(model: nn.Module, statement: ast.Assign) -> Location | None:
    """The one repetition in a function of the user's that an assignment calls: `self.tables = make_tables()`."""
    names = {node.func.id for node in ast.walk(statement.value) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    line = only(
        (text, cell, found)  # type: ignore[misc]
        for text, cell, tree in all_texts(model)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in names
        for found in repetitions(node)
    )
    return None if line is None else Location(**location_fields(line))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
