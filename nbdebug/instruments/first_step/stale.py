"""A copy of a weight that learns, kept in a buffer, a plain attribute or a frozen parameter and used as a layer: it stays as it was while the other moves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Untied
from nbdebug.instruments.first_step.written import chain, methods
from nbdebug.listening import Call, Tape, plain_path

STALE = "stale"  # how it is known
MULTIPLY = frozenset("linear matmul mm bmm __matmul__ __rmatmul__ einsum addmm embedding conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split())
COPIES = re.compile(r"clone|copy|detach|\.data\b|tensor\(|register_")
FEWEST = 8  # different numbers, so that it is a copy and not the same filling


def stale(model: nn.Module, tape: Tape) -> Iterator[Untied]:
    """Tensors that do not learn, hold the very numbers of a parameter that does, and are what a layer multiplies by, with a gradient that goes through it.

    A teacher and a target network are none: their gradient is not asked for, their inputs want none, or they are whole networks. What it was compared with is left
    alone as well (`(w - start) ** 2`), for nothing is multiplied there.
    """
    learning = {plain_path(name): p for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1}
    used = {id(t) for call in tape.calls for t in call.inputs()}
    seen: set[int] = set()
    for call in tape.calls:
        for copy in _layers(call):
            if id(copy) in seen:
                continue
            seen.add(id(copy))
            first = next((name for name, p in learning.items() if id(p) in used and _is_copy(copy, p)), None)
            if first is None or (held := _holder(model, copy)) is None:
                continue
            path, owner, name = held
            if isinstance(copy, nn.Parameter) and _is_network(model, path):
                continue
            second = plain_path(f"{path}.{name}" if path else name)
            said, place = _written(owner, name) or (f"{second} = {first}", call.location)
            yield Untied(first, second, tuple(copy.shape), STALE, said, replace(place, module=plain_path(path), operator="", detail=f"attribute {name}"))


def _layers(call: Call) -> Iterator[Tensor]:
    """What a call multiplies by that does not learn, where the gradient goes on to what it multiplies."""
    if not call.grad_enabled or call.name not in MULTIPLY:
        return
    given = call.inputs()
    if any(t.requires_grad for t in given):
        yield from (base for t in given if t.ndim > 1 and t.is_floating_point() and not t.requires_grad for base in (t, t._base) if base is not None)


def _is_copy(copy: Tensor, weight: Tensor) -> bool:
    if copy.layout != torch.strided or copy.dtype != weight.dtype or copy.device != weight.device or copy.data_ptr() == weight.data_ptr() or copy.ndim != weight.ndim:
        return False
    alike = (copy.shape == weight.shape and torch.equal(copy, weight)) or (copy.shape == weight.mT.shape and torch.equal(copy, weight.mT))
    return bool(alike) and copy.detach().flatten()[:1000].unique().numel() >= FEWEST


def _holder(model: nn.Module, tensor: Tensor) -> tuple[str, nn.Module, str] | None:
    for path, module in model.named_modules():
        for name, value in (*module._buffers.items(), *module._parameters.items(), *vars(module).items()):
            if value is tensor:
                return path, module, name
    return None


def _is_network(model: nn.Module, path: str) -> bool:
    """Whether it stands in a frozen part of several matrices: a copy of a whole network is there to be asked, as a critic or a judge."""
    part = model.get_submodule(path.split(".")[0]) if path else None
    return part is not None and sum(p.ndim > 1 for p in part.parameters()) > 1


def _written(owner: nn.Module, name: str) -> tuple[str, Location] | None:
    """The one statement that makes the copy; of several the one that speaks of copying."""
    found: list[tuple[str, Location]] = []
    for method in methods(owner):
        for node in ast.walk(method.tree):
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr)) and _makes(node, method.me, name):
                found.append((ast.unparse(node), method.location(node)))
    if len(found) > 1:
        found = [one for one in found if COPIES.search(one[0])]
    return found[0] if len(found) == 1 else None


def _makes(statement: Any, me: str, name: str) -> bool:
    if isinstance(statement, ast.Expr):
        call = statement.value
        named = isinstance(call, ast.Call) and chain(call.func, me) in (("register_buffer",), ("register_parameter",)) and call.args
        return bool(named) and isinstance(call.args[0], ast.Constant) and call.args[0].value == name
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return any(chain(target, me)[:1] == (name,) for target in targets)
