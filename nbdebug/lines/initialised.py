"""Which line fills a parameter: `nn.init.zeros_(self.head.weight)`, `layer.weight.data.normal_(0, 1)`.

Only the text is asked: of the script or notebook, and of the files of the user's own classes. A line that names the parameter goes before
one in a loop over layers or parameters; an answer that is not the only one is none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torch import nn

from nbdebug.lines.names import called, chain
from nbdebug.lines.sources import all_texts, only
from nbdebug.source_lines import SourceLine

INIT = frozenset(name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_"))
NAMED, OF_A_LAYER, OF_ALL = 2, 1, 0  # what a line says of what it fills: this parameter, that of a layer in a loop, any parameter
FILLING = frozenset("bernoulli_ cauchy_ clamp_ copy_ div_ exponential_ fill_ log_normal_ mul_ normal_ random_ uniform_ zero_".split())  # methods of a tensor


def line_that_initialises(model: nn.Module, path: str, *, by_name: bool = False) -> SourceLine | None:
    """The line that fills the parameter at a dotted path in place; None where there is none, or more than one.

    Args:
        path: as in `model.named_parameters()`.
        by_name: only a line that names this parameter, and none in a loop over many.
    """
    steps = [step for step in path.split(".") if not step.isdigit()]
    owner = dict(model.named_modules()).get(path.rpartition(".")[0])
    found: dict[int, list[tuple[str, int | None, ast.expr]]] = {NAMED: [], OF_A_LAYER: [], OF_ALL: []}
    for text, number, tree in all_texts(model):
        for call, names, kinds in _fills(tree):
            fit = _fit(names, steps)
            if fit is not None and (fit == NAMED or not by_name) and (not kinds or owner is None or kinds & {kind.__name__ for kind in type(owner).__mro__}):
                found[fit].append((text, number, call))
    nearest = next((places for places in found.values() if places), [])
    return only(iter(nearest))


def _fills(tree: ast.AST, kinds: frozenset[str] = frozenset()) -> Iterator[tuple[ast.expr, list[str], frozenset[str]]]:
    """The calls that fill a tensor, the chain of names that leads to it, and the classes that `isinstance` asks for around it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call):
            names = chain(node.args[0]) if called(node) in INIT and node.args else []
            if not names and called(node) in FILLING | INIT and isinstance(node.func, ast.Attribute):
                names = chain(node.func.value)
            if names:
                yield node, [step for step in names if step != "data"], kinds
        asked = _asked(node.test) if isinstance(node, ast.If) else kinds
        if isinstance(node, ast.If):
            for part in node.body:
                yield from _fills(ast.Module([part], []), asked or kinds)
            for part in node.orelse:
                yield from _fills(ast.Module([part], []), kinds)
        else:
            yield from _fills(node, kinds)


def _asked(test: ast.expr) -> frozenset[str]:
    """The classes of `isinstance(layer, (nn.Linear, nn.Conv2d))`."""
    calls = [node for node in ast.walk(test) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance" and len(node.args) == 2]
    wanted = [one for call in calls for one in (call.args[1].elts if isinstance(call.args[1], ast.Tuple) else [call.args[1]])]
    return frozenset(names[-1] for names in map(chain, wanted) if names)


def _fit(names: list[str], steps: list[str]) -> int | None:
    """How well a chain of names fits the path of a parameter; None where it is another one."""
    named = names[1:]
    if not named:
        return OF_ALL
    if len(named) > 1 or names[0] == "self":
        return NAMED if steps[-len(named) :] == named else None
    if named[0] != steps[-1]:
        return None
    return NAMED if names[0] in steps[:-1] else OF_A_LAYER
