"""Names by which a text picks parameters of a model, `if name.startswith("gru")`, and that no parameter has."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torch import nn

from nbdebug.lines.names import called
from nbdebug.lines.sources import all_texts, only
from nbdebug.source_lines import SourceLine


def names_that_fit_nothing(model: nn.Module) -> tuple[tuple[str, ...], SourceLine | None]:
    """The words that stand in conditions over `named_parameters()`, to pick by, and are in no parameter's name; and their line, if it is one."""
    names = [name for name, _ in model.named_parameters()]
    found = [(text, number, node) for text, number, tree in all_texts(model) for node in _picking(tree) if not any(node.value in name for name in names)]
    return tuple(dict.fromkeys(str(node.value) for _, _, node in found)), only(iter(found)) if found else None


def _picking(tree: ast.AST) -> Iterator[ast.Constant]:
    """Words of conditions that take what they name; `not in` and `not any(...)` leave it out, and pick the rest."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
            if any(called(inner) == "named_parameters" for part in node.generators for inner in ast.walk(part.iter)):
                yield from (word for part in node.generators for test in part.ifs for word in _words(test))
        elif isinstance(node, ast.For) and any(called(inner) == "named_parameters" for inner in ast.walk(node.iter)):
            yield from (word for inner in ast.walk(node) if isinstance(inner, ast.If) for word in _words(inner.test))


def _words(test: ast.expr) -> Iterator[ast.Constant]:
    if isinstance(test, ast.BoolOp):
        yield from (word for part in test.values for word in _words(part))
    elif isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.In, ast.Eq)) and isinstance(test.left, ast.Constant):
        yield from _texts(test.left)
    elif isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr in ("startswith", "endswith") and test.args:
        yield from _texts(test.args[0])
    elif called(test) == "any" and isinstance(test, ast.Call) and test.args and isinstance(test.args[0], ast.GeneratorExp):
        yield from (word for part in test.args[0].generators for word in _texts(part.iter))


def _texts(node: ast.expr) -> Iterator[ast.Constant]:
    parts = node.elts if isinstance(node, (ast.Tuple, ast.List, ast.Set)) else [node]
    yield from (part for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value)
