"""Dropout that is given what should be kept: `nn.Dropout(keep_prob)`, as another library wants it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Kept
from nbdebug.lines.names import called, chain
from nbdebug.lines.sources import all_texts, only
from nbdebug.source_lines import location_fields

KEEPS = re.compile(r"keep", re.I)
LARGE = 0.5  # dropout above it is what remains of a rate that was to be kept


def kept(model: nn.Module) -> tuple[Kept, ...]:
    """Dropout above one half whose rate comes, by the text, from a variable that says what is kept."""
    layers = [(path, module.p) for path, module in model.named_modules() if isinstance(module, _DropoutNd) and module.p > LARGE]
    if not layers:
        return ()
    calls = [(name, number, call) for name, number, tree in all_texts(model) for call in _given_what_is_kept(tree)]
    if not calls:
        return ()
    line = only(iter(calls[:1]))
    path, p = max(layers, key=lambda layer: layer[1])
    return (Kept(path, p, len(layers), ast.unparse(calls[0][2]), Location() if line is None else Location(**location_fields(line))),)


def _given_what_is_kept(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and re.fullmatch(r"(?:Feature|Alpha)?Dropout[123]?d?", called(node)):
            given = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "p"), None)
            names = chain(given) if given is not None else []
            if names and KEEPS.search(names[-1]) or isinstance(given, ast.Subscript) and isinstance(given.slice, ast.Constant) and KEEPS.search(str(given.slice.value)):
                yield node
