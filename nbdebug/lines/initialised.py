"""Which line fills a parameter: `nn.init.zeros_(self.head.weight)`, `layer.weight.data.normal_(0, 1)`.

Only the text is asked: of the script or notebook, and of the files of the user's own classes. A line that names the parameter goes before
one in a loop over layers or parameters; an answer that is not the only one is none.
"""

from __future__ import annotations

import ast
import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import nn

from nbdebug.lines.names import assignments, called, chain
from nbdebug.lines.sources import all_texts, only
from nbdebug.source_lines import SourceLine, is_of_library

INIT = frozenset(name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_"))
NAMED, OF_A_LAYER, OF_ALL = 2, 1, 0  # what a line says of what it fills: this parameter, that of a layer in a loop, any parameter
FILLING = frozenset("bernoulli_ cauchy_ clamp_ copy_ div_ exponential_ fill_ log_normal_ mul_ normal_ random_ uniform_ zero_".split())  # methods of a tensor

SPREAD = re.compile("init", re.I)  # in the name of a setting
FEW, ABOUT = 64, 0.1  # weights, of fewer of which the spread is not known well enough; of it, within which it is the same number
OF_LAYERS = ("weight", "bias", "data")  # the last name of what a function of the user's choice fills


def line_that_initialises(model: nn.Module, path: str, *, by_name: bool = False) -> SourceLine | None:
    """The line that fills the parameter at a dotted path in place; None where there is none, or more than one.

    Args:
        path: as in `model.named_parameters()`.
        by_name: only a line that names this parameter, and none in a loop over many.
    """
    steps = [step for step in path.split(".") if not step.isdigit()]
    owner = dict(model.named_modules()).get(path.rpartition(".")[0])
    parameter = dict(model.named_parameters()).get(path)
    asked = Asked(path, 0 if parameter is None else parameter.ndim, frozenset() if owner is None else frozenset(kind.__name__ for kind in type(owner).__mro__))
    found: dict[int, list[tuple[str, int | None, ast.expr]]] = {NAMED: [], OF_A_LAYER: [], OF_ALL: []}
    for text, number, tree in all_texts(model):
        for call, names, told in _fills(tree, asked):
            fit = NAMED if told and len(names) == 1 else _fit(names, steps)
            if fit is not None and (fit == NAMED or not by_name):
                found[fit].append((text, number, call))
    nearest = next((places for places in found.values() if places), [])
    return only(iter(nearest))


def line_that_sets_the_spread(model: nn.Module, path: str) -> SourceLine | None:
    """The line of a setting such as `initializer_range=2.0` or `init_std = 2.0`, whose number is the spread that the parameter at a dotted path has; None where there is none, or more than one."""
    parameter = dict(model.named_parameters()).get(path)
    if parameter is None or parameter.numel() < FEW or not parameter.is_floating_point():
        return None
    spread = float(parameter.detach().double().std())
    return only((text, number, value) for text, number, tree in all_texts(model) for name, value in _settings(tree) if SPREAD.search(name) and abs(value.value - spread) <= ABOUT * spread)


def is_drawn_by_library(model: nn.Module, paths: Iterable[str]) -> bool:
    """Whether parameters lie in models of a library, other than torch, and no line of the user's fills a parameter or sets a spread."""
    modules = dict(model.named_modules())
    if not all(any(_is_of_library_of_models(modules.get(above)) for above in _above(path)) for path in paths):
        return False
    for _, _, tree in all_texts(model):
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        if any(_filled(call) for call in calls) or any(SPREAD.search(name) for name, _ in _settings(tree)):
            return False
    return True


def _above(path: str) -> Iterator[str]:
    """The paths of all that a parameter lies in, the model itself, "", among them."""
    while path:
        path = path.rpartition(".")[0]
        yield path


def _is_of_library_of_models(module: nn.Module | None) -> bool:
    if module is None or type(module).__module__.partition(".")[0] == "torch":
        return False
    return is_of_library(getattr(sys.modules.get(type(module).__module__), "__file__", None) or "")


def _settings(tree: ast.AST) -> Iterator[tuple[str, ast.Constant]]:
    """Every number that the text gives a name, as a keyword, a variable, an attribute or a key."""
    named: list[tuple[str, ast.expr]] = [((chain(target) or [""])[-1], value) for target, value in assignments(tree)]
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword):
            named.append((node.arg or "", node.value))
        elif isinstance(node, ast.Dict):
            named += [(str(getattr(key, "value", "")), value) for key, value in zip(node.keys, node.values, strict=True)]
    yield from ((name, value) for name, value in named if isinstance(value, ast.Constant) and type(value.value) in (int, float))


def _fills(tree: ast.AST, asked: Asked, told: bool = False) -> Iterator[tuple[ast.expr, list[str], bool]]:
    """The calls that fill a tensor, the chain of names that leads to it, and whether a condition asks for the parameter's own name; none under one that it does not meet."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and (names := _filled(node)):
            yield node, [step for step in names if step != "data"], told
        if isinstance(node, ast.If):
            holds, named = asked.meets(node.test), _says_a_name(node.test)
            yield from _fills(ast.Module(node.body, []), asked, told or bool(holds and named)) if holds is not False else ()
            yield from _fills(ast.Module(node.orelse, []), asked, told) if holds is not True else ()
        elif isinstance(node, ast.For) and (part := _part_gone_over(node.iter)):
            yield from _fills(node, asked, True) if part in asked.path.split(".")[:-1] else ()
        elif isinstance(node, ast.For) and (listed := _listed(node.iter)):
            yield from _fills(node, asked, True) if any(_leads_to(names, asked.path) for names in listed) else ()
        else:
            yield from _fills(node, asked, told)


def _part_gone_over(loop: ast.expr) -> str:
    """The part of a model whose parameters a loop goes over: `for name, p in self.rnn.named_parameters()`; "" of any other loop, and where it is all of the model."""
    names = chain(loop.func.value) if isinstance(loop, ast.Call) and called(loop) in ("parameters", "named_parameters") and isinstance(loop.func, ast.Attribute) else []
    return names[-1] if len(names) > 1 else ""


def _listed(loop: ast.expr) -> list[list[str]]:
    """The parts of a model that a loop goes over one by one: `for layer in (self.query, self.key)`; empty of any other loop."""
    parts = [chain(part)[1:] for part in loop.elts] if isinstance(loop, (ast.Tuple, ast.List)) else []
    return parts if all(parts) else []


def _leads_to(names: list[str], path: str) -> bool:
    """Whether these attributes stand in a dotted path one after the other: the part itself, or what holds it."""
    steps = path.split(".")
    return any(steps[at : at + len(names)] == names for at in range(len(steps)))


def _says_a_name(test: ast.expr) -> bool:
    """Whether a condition asks for a name, and not for all but one."""
    parts = list(ast.walk(test))
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts) and not any(isinstance(part, (ast.Not, ast.NotIn, ast.NotEq)) for part in parts)


def _filled(call: ast.Call) -> list[str]:
    """The names of what a call fills: `nn.init.zeros_(p)`, `p.data.normal_()`, `config["init"](m.weight)`; empty of any other call."""
    given = chain(call.args[0]) if call.args else []
    if called(call) in INIT and given:
        return given
    if called(call) in FILLING | INIT and isinstance(call.func, ast.Attribute):
        return chain(call.func.value)
    chosen = isinstance(call.func, ast.Subscript) or "init" in called(call).lower()  # a function that a variable holds
    return given if chosen and len(given) > 1 and given[-1] in OF_LAYERS else []


@dataclass(frozen=True)
class Asked:
    """A parameter, as conditions around a line see it."""

    path: str
    ndim: int
    kinds: frozenset[str]  # names of its layer's class and of what that inherits; empty where it is not known

    def meets(self, test: ast.expr) -> bool | None:
        """Whether a condition holds for it; None where that cannot be told from its name, its dimensions or its layer's class."""
        if isinstance(test, ast.BoolOp):
            each = [self.meets(part) for part in test.values]
            decided = isinstance(test.op, ast.Or)
            return decided if decided in each else None if None in each else not decided
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self.meets(test.operand)
            return None if inner is None else not inner
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            return self._compared(test.left, test.ops[0], test.comparators[0])
        if not isinstance(test, ast.Call) or not test.args:
            return None
        if getattr(test.func, "id", "") == "isinstance" and len(test.args) == 2:
            wanted = test.args[1].elts if isinstance(test.args[1], ast.Tuple) else [test.args[1]]
            names = {each[-1] for each in map(chain, wanted) if each}
            return bool(names & self.kinds) if self.kinds and names else None
        if isinstance(test.func, ast.Attribute) and test.func.attr in ("startswith", "endswith") and isinstance(test.func.value, ast.Name):
            with contextlib.suppress(ValueError, TypeError):
                return bool(getattr(self.path, test.func.attr)(ast.literal_eval(test.args[0])))
        return None

    def _compared(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool | None:
        if isinstance(operator, (ast.In, ast.NotIn)) and isinstance(left, ast.Constant) and isinstance(left.value, str) and isinstance(right, ast.Name):
            return (left.value in self.path) == isinstance(operator, ast.In)
        sides = {ast.Gt: self.ndim.__gt__, ast.GtE: self.ndim.__ge__, ast.Lt: self.ndim.__lt__, ast.LtE: self.ndim.__le__, ast.Eq: self.ndim.__eq__, ast.NotEq: self.ndim.__ne__}
        counts = called(left) == "dim" or isinstance(left, ast.Attribute) and left.attr == "ndim"
        if counts and self.ndim and isinstance(right, ast.Constant) and isinstance(right.value, int) and type(operator) in sides:
            return bool(sides[type(operator)](right.value))
        return None


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
