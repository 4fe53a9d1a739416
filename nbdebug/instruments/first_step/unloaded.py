"""Parts of a model that a state was loaded into, as the text says, and that are still as torch fills a layer."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Unloaded
from nbdebug.lines.names import called, calls, chain
from nbdebug.lines.sources import all_texts, only
from nbdebug.listening import plain_path
from nbdebug.source_lines import location_fields

FEWEST = 60  # entries of a layer whose law can be told; our choice
MOST = 4096  # entries looked at, evenly
SURE = 1.63  # over the root of the entries: the distance that a uniform law passes once in a hundred times (Kolmogorov)


def unloaded(model: nn.Module) -> tuple[Unloaded, ...]:
    """Where `load_state_dict(..., strict=False)`, or of what was picked by name, found nothing that fits.

    Torch fills Linear and Conv evenly between two bounds; weights that were trained do not lie so.
    """
    found: dict[str, Unloaded] = {}
    texts = list(all_texts(model))
    for name, number, tree in texts:
        for call in _leniently(tree):
            if any(_is_bound_again(call, other, after=0 if cell != number else call.lineno) for _, cell, other in texts if (cell or 0) >= (number or 0)):
                continue  # another one by now
            path = _path(model, chain(call.func.value))  # type: ignore[attr-defined]
            layers = list(_fresh(dict(model.named_modules())[path])) if path is not None else []
            if path is not None and layers and all(layers):
                line = only([(name, number, call)])
                place = Location() if line is None else Location(**location_fields(line))
                found.setdefault(path, Unloaded(plain_path(path), len(layers), ast.unparse(call), place))
    return tuple(found.values())


def _leniently(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of load_state_dict that pass over what does not fit, and whose answer nobody reads."""
    written = any(called(call) == "load_state_dict" for call in calls(tree))  # these are kept, and statements are not
    for statement in ast.walk(tree) if written else ():
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or called(call) != "load_state_dict" or not isinstance(call.func, ast.Attribute) or not call.args:
            continue
        if any(called(inner) == "state_dict" for inner in ast.walk(call.args[0])):
            continue  # a copy of another module, which may be new itself
        lenient = any(k.arg == "strict" and isinstance(k.value, ast.Constant) and k.value.value is False for k in call.keywords)
        if lenient or _is_picked(call.args[0]):
            yield call


def _is_bound_again(call: ast.Call, tree: ast.AST, after: int) -> bool:
    """Whether the variable whose state is loaded gets another value further down."""
    root = chain(call.func.value)[:1]  # type: ignore[attr-defined]
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return root != ["self"] and any([node.id] == root and node.lineno > after for node in stored)


def _is_picked(given: ast.expr) -> bool:
    """`{k: v for k, v in state.items() if k in own}`."""
    return isinstance(given, ast.DictComp) and any(isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In) for part in given.generators for test in part.ifs)


def _path(model: nn.Module, names: list[str]) -> str | None:
    """The part of the model that a chain of names means: the whole of it, or the only part whose path ends so."""
    last = [step for step in names if step not in ("self", "model", "net", "module")]
    if not last:
        return ""
    found = [path for path, _ in model.named_modules() if path and path.split(".")[-len(last) :] == last]
    return found[0] if len(found) == 1 else None


def _fresh(part: nn.Module) -> Iterator[bool]:
    """Of each layer large enough, whether it lies as torch fills it."""
    for module in part.modules():
        if isinstance(module, (nn.Linear, _ConvNd)) and not isinstance(module, _ConvTransposeNd) and module.weight.numel() >= FEWEST:
            yield is_as_filled(module.weight.detach())


def is_as_filled(weight: Tensor) -> bool:
    """Whether these are even between the bounds of torch's own initialisation, 1 over the root of the inputs."""
    bound = 1 / math.sqrt(weight[0].numel())
    values = weight.flatten()[:: max(1, weight.numel() // MOST)].double().sort().values / bound
    if float(values.abs().max()) > 1 + 1e-4:
        return False
    even = torch.linspace(-1, 1, len(values) + 1, dtype=torch.double)
    distance = float(torch.maximum((values - even[1:]).abs(), (values - even[:-1]).abs()).max()) / 2
    return distance < SURE / math.sqrt(len(values))
