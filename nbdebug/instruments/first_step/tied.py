"""Weights that are meant to be one and are two: what the code or the configuration says, beside what the model holds."""

from __future__ import annotations

import ast
import contextlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Untied
from nbdebug.instruments.first_step.written import Method, chain, methods, resolved
from nbdebug.lines.sources import only, texts
from nbdebug.listening import plain_path
from nbdebug.source_lines import location_fields

SPEAKS_OF_IT = re.compile(
    r"(?<!un)(?<!un_)(?<!not )(?<!no )(?<!not_)(?<!without )\b_?(?:re)?"
    r"(?:ti(?:e|ed|es)(?![a-z])|tying|weight[ _-]?tying|weight[ _-]?sharing|shar(?:e|ed|ing)(?![a-z]))", re.I,
)  # fmt: skip
SETTERS = frozenset(["set_input_embeddings", "set_output_embeddings"])  # of transformers
SAME_VALUES = ("data", "clone", "detach", "t", "T", "mT", "contiguous")  # of a weight, as it stands or transposed
COPIES = frozenset(["copy_", "load_state_dict", "set_"])
CONFIG, WRITTEN, COPIED, MEMORY, UNCALLED = "configured", "assigned", "copied", "memory", "not called"  # how it is known


def untied(model: nn.Module) -> tuple[Untied, ...]:
    """What is said to be tied and is not; each pair once."""
    names = {id(p): plain_path(name) for name, p in model.named_parameters()}
    found: dict[frozenset[str], Untied] = {}
    for module in model.modules():
        for one in (*_configured(module, names), *_as_written(module, names), *_in_cells(module, names)):
            found.setdefault(frozenset((one.first, one.second)), one)
    return tuple(found.values())


def _configured(module: nn.Module, names: dict[int, str]) -> Iterator[Untied]:
    """A model of transformers whose configuration ties its head to its embedding."""
    config = getattr(module, "config", None)
    if getattr(config, "tie_word_embeddings", None) is not True or not getattr(module, "_tied_weights_keys", None):
        return
    with contextlib.suppress(Exception):  # code of a library
        source, head = module.get_input_embeddings().weight, module.get_output_embeddings().weight  # type: ignore[union-attr, operator]
        if _are_two(source, head, names):
            yield Untied(names[id(source)], names[id(head)], tuple(head.shape), CONFIG, "config.tie_word_embeddings is True", _put_in(names[id(source)], names[id(head)]))


def _put_in(*paths: str) -> Location:
    """The one line of the script or notebook that puts another embedding or head into a model; nowhere when there is none, or more."""
    attributes = {path.split(".")[-2] for path in paths if "." in path}

    def puts(node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Attribute) and node.func.attr in SETTERS
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Attribute) and target.attr == "weight":
            target = target.value
        return isinstance(target, ast.Attribute) and target.attr in attributes and not (isinstance(target.value, ast.Name) and target.value.id == "self")

    line = only((text, cell, node) for text, cell, tree in texts() for node in ast.walk(tree) if puts(node))
    return Location(parameter=paths[-1], **location_fields(line)) if line is not None else Location()


def _as_written(module: nn.Module, names: dict[int, str]) -> Iterator[Untied]:
    written = list(methods(module))
    called = _called_from_init(written)
    for method in written:
        for statement, how, target, source in _statements(method):
            reached = _is_reached(statement, method, module)
            if (not reached and how != COPIED) or (how == COPIED and not _speaks_of_tying(method, statement)):
                continue
            for first, second in _pairs(resolved(module, source), resolved(module, target)):
                if not _are_two(first, second, names) or not (reached or torch.equal(first, second) or (first.ndim > 1 and torch.equal(first.mT, second))):  # a copy shows that it was made
                    continue
                memory = first.data_ptr() == second.data_ptr()
                if memory and how != COPIED and not _sets_data(statement):
                    continue
                known = MEMORY if memory else how if method.name in called else UNCALLED
                outside = _put_in(names[id(first)], names[id(second)]) if known == WRITTEN else Location()
                place = replace(_made_anew(written, method, target, source) or (outside if outside.line is not None else method.location(statement)), parameter=names[id(second)])
                said = ast.unparse(statement)
                yield Untied(names[id(first)], names[id(second)], tuple(second.shape), known, said, place)


def _made_anew(written: list[Method], tying: Method, *weights: tuple[str, ...]) -> Location | None:
    """The one line, in another method than the constructor and the one that ties, that makes one of the two layers anew; the last named of the first weight that has one."""
    for weight in weights:
        lines = [
            method.location(node)
            for method in written if method.name not in ("__init__", tying.name)
            for node in ast.walk(method.tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and any(chain(target, method.me) == weight[:1] for target in node.targets)
        ]  # fmt: skip
        if len(lines) == 1:
            return lines[0]
    return None


def _in_cells(module: nn.Module, names: dict[int, str]) -> Iterator[Untied]:
    """Ties that stand in a cell of the notebook, outside of every function: `model.head.weight = model.embed.weight`."""
    main = vars(sys.modules["__main__"])
    variables = [name for name, value in list(main.items()) if value is module and not name.startswith("_")]
    for name in variables if "get_ipython" in main else ():
        for cell, statement in _said_of(name, [str(text) for text in main.get("In", ())]):
            first, second = resolved(module, chain(statement.value, name)), resolved(module, chain(statement.targets[0], name))
            if _are_two(first, second, names) and first.data_ptr() != second.data_ptr():
                place = Location(parameter=names[id(second)], line=statement.lineno, cell=cell)
                yield Untied(names[id(first)], names[id(second)], tuple(second.shape), WRITTEN, ast.unparse(statement), place)


def _said_of(name: str, cells: list[str]) -> list[tuple[int, ast.Assign]]:
    """The assignments from one attribute of a variable to another, since it was bound to what it is now."""
    said: list[tuple[int, ast.Assign]] = []
    for number, text in enumerate(cells):
        with contextlib.suppress(SyntaxError):  # a magic
            for node in ast.parse(text).body:
                bound = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
                if name in bound:
                    said.clear()  # another model
                elif isinstance(node, ast.Assign) and chain(node.targets[0], name) and chain(node.value, name):
                    said.append((number, node))
    return said


def _are_two(first: Any, second: Any, names: dict[int, str]) -> bool:
    return (
        isinstance(first, nn.Parameter)
        and isinstance(second, nn.Parameter)
        and first is not second
        and first.shape in (second.shape, second.shape[::-1])  # of an autoencoder: transposed
        and first.requires_grad
        and second.requires_grad
        and id(first) in names
        and id(second) in names
    )


def _pairs(source: Any, target: Any) -> Iterator[tuple[Any, Any]]:
    """The parameters that a statement ties: two of them, or those of two modules of one kind."""
    if isinstance(source, Tensor) and isinstance(target, Tensor):
        yield source, target
    elif isinstance(source, nn.Module) and isinstance(target, nn.Module) and source is not target:
        mine, other = dict(source.named_parameters()), dict(target.named_parameters())
        yield from ((mine[name], other[name]) for name in mine.keys() & other.keys())


# -- reading the statements -------------------------------------------------------------------------------------


def _statements(method: Method) -> Iterator[tuple[ast.stmt, str, tuple[str, ...], tuple[str, ...]]]:
    """(statement, how it ties, target, source), of statements that set one weight of the module from another."""
    for node in ast.walk(method.tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, source = _weight(node.targets[0], method.me), _weight(node.value, method.me)
            if len(target) > 1 and source:
                yield node, WRITTEN, target, source
            elif len(target) > 1 and isinstance(node.value, ast.Call) and (source := _only_source(node.value, method.me)):
                yield node, COPIED, target, source
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            call = node.value
            target = _weight(node.value.func.value, method.me)
            if node.value.func.attr in COPIES and target and call.args and (source := _only_source(call.args[0], method.me)):
                yield node, COPIED, target, source


def _weight(node: ast.AST, me: str) -> tuple[str, ...]:
    """The chain to a weight, without `.data`."""
    parts = chain(node, me)
    return parts[:-1] if parts[-1:] == ("data",) else parts


def _only_source(node: ast.AST, me: str) -> tuple[str, ...]:
    """The one weight that an expression such as `nn.Parameter(self.embed.weight.clone())` is made of; empty when there are several."""
    inner = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    found = {chain(part, me) for part in ast.walk(node) if isinstance(part, ast.Attribute) and id(part) not in inner}
    found |= {chain(call.func.value, me) for call in ast.walk(node) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)}
    kept = {parts[:-1] if parts[-1] in (*SAME_VALUES, "state_dict") else parts for parts in found if parts}
    kept = {parts[:-1] if parts[-1] in SAME_VALUES else parts for parts in kept}
    return kept.pop() if len(kept) == 1 else ()


def _sets_data(statement: ast.stmt) -> bool:
    """`a.weight.data = b.weight.data`: one memory under two parameters."""
    return isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute) and statement.targets[0].attr == "data"


def _speaks_of_tying(method: Method, statement: ast.stmt) -> bool:
    asked = " ".join(ast.unparse(node.test) for node in ast.walk(method.tree) if isinstance(node, ast.If) and _holds(node.body, statement))
    return bool(SPEAKS_OF_IT.search(f"{method.name.replace('_', ' ')} {method.about} {method.around(statement)} {asked}"))


def _holds(body: list[ast.stmt], statement: ast.stmt) -> bool:
    return any(part is statement for branch in body for part in ast.walk(branch))


def _is_reached(statement: ast.stmt, method: Method, module: nn.Module) -> bool:
    """Whether no condition stands around it but such as hold, as far as the module knows."""
    for node in ast.walk(method.tree):
        if isinstance(node, ast.If) and any(part is statement for part in ast.walk(node)):
            parts = chain(node.test, method.me) or ((node.test.id,) if isinstance(node.test, ast.Name) else ())
            if not parts or not _holds(node.body, statement) or resolved(module, parts) is not True:
                return False
    return True


def _called_from_init(written: list[Method]) -> set[str]:
    """Names of the methods that the constructor calls, itself included, and those that these call."""
    by_name = {method.name: method for method in written}
    called, ahead = set(), ["__init__"]
    while ahead:
        name = ahead.pop()
        if name in by_name and name not in called:
            called.add(name)
            for node in ast.walk(by_name[name].tree):
                if isinstance(node, ast.Attribute) and chain(node, by_name[name].me):
                    ahead.append(node.attr)
    return called
