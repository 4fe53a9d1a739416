"""One layer object that stands in several places: three layers on paper, one set of weights in fact."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nbdebug.batch import tensors
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Repeated
from nbdebug.instruments.first_step.written import Method, chain, methods
from nbdebug.lines.built import line_that_builds
from nbdebug.listening import ModuleCall, Tape, plain_path
from nbdebug.source_lines import location_fields

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
ON_PURPOSE = re.compile(
    r"shar(?:e|ing)|(?<![a-z])(?:ti(?:e|ed|es|eing)|tying)(?![a-z])|reus|recurr|recursi|univers|albert|siames|unroll"
    r"|same (?:layer|block|weights|module)", re.I,
)  # fmt: skip


def repeated(model: nn.Module, tape: Tape) -> tuple[Repeated, ...]:
    """Layers repeated by what looks like an accident. A text that speaks of sharing tells that it is none."""
    return tuple(found for path, owner in model.named_modules() for found in _in_owner(model, tape, plain_path(path), owner))


def _in_owner(model: nn.Module, tape: Tape, path: str, owner: nn.Module) -> Iterator[Repeated]:
    places: dict[int, list[str]] = {}
    for name, child in owner._modules.items():
        if child is not None and _has_weights(child):
            places.setdefault(id(child), []).append(name)
    for names in places.values():
        child = owner._modules[names[0]]
        if len(names) < 2 or child is None:
            continue
        chained, same_input = _uses(tape, child)
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


def _has_weights(module: nn.Module) -> bool:
    """Whether a layer of its own would learn something else: a shared scale or slope is no loss."""
    return any(p.ndim > 1 and p.requires_grad for p in module.parameters()) or isinstance(module, _BatchNorm)


def _uses(tape: Tape, module: nn.Module) -> tuple[bool, bool]:
    """Whether one call's output goes into a later call, and whether two calls get the very same tensors."""
    calls = [call for call in tape.modules if call.module is module and call.returned]
    given = [[t for _, t in tensors((call.args, call.kwargs))] for call in calls]
    same = [ids for ids in (tuple(map(id, held)) for held in given) if ids]
    for later, held in zip(calls[1:], given[1:], strict=True):
        if held and any(_feeds(tape, earlier, held[0]) for earlier in calls if earlier.last <= later.first):
            return True, len(set(same)) < len(same)
    return False, len(set(same)) < len(same)


def _feeds(tape: Tape, earlier: ModuleCall, tensor: object) -> bool:
    return any(earlier.first <= index < earlier.last for index in tape.ancestors(tensor))  # type: ignore[arg-type]


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
        statements = list(_repetitions(method))
        if len(statements) == 1:
            return f"{method.about} {method.around(statements[0])}", method.location(statements[0])
    for method in written:
        for node in ast.walk(method.tree):
            targets = node.targets if isinstance(node, ast.Assign) else ()
            if any(chain(target, method.me)[:1] == (attribute,) for target in targets):
                return f"{method.about} {''.join(method.lines)}", method.location(node)
    text = " ".join(method.about + "".join(method.lines) for method in written)
    line = line_that_builds(type(owner).__name__) if isinstance(owner, CONTAINERS) else None
    return text, Location(**location_fields(line))


def _repetitions(method: Method) -> Iterator[ast.AST]:
    """`[layer] * 3`, `[layer for _ in range(3)]`, a name appended in a loop that does not make it, `self.a = self.b = Layer()`."""
    for node in ast.walk(method.tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            if any(isinstance(side, (ast.List, ast.Tuple)) for side in (node.left, node.right)):
                yield node
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp)) and isinstance(node.elt, (ast.Name, ast.Attribute)):
            bound = {n.id for c in node.generators for n in ast.walk(c.target) if isinstance(n, ast.Name)}
            if not bound & {n.id for n in ast.walk(node.elt) if isinstance(n, ast.Name)}:
                yield node
        elif isinstance(node, ast.For):
            made = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            yield from (call for call in ast.walk(node) if _appends_one(call, made))
        elif isinstance(node, ast.Assign) and len(node.targets) > 1 and isinstance(node.value, ast.Call) and all(chain(target, method.me) for target in node.targets):
            yield node


def _appends_one(node: ast.AST, made: set[str]) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in ("append", "add_module"):
        return False
    last = node.args[-1] if node.args else None
    return isinstance(last, ast.Attribute) or (isinstance(last, ast.Name) and last.id not in made)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
