"""Switches that nobody reads: `module.requires_grad = True` and `parameter.require_grad = False` are plain new attributes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import nn

from nbdebug.findings import Location
from nbdebug.lines.sources import only, texts
from nbdebug.listening import plain_path
from nbdebug.source_lines import location_fields

MISSPELT = re.compile(r"_?requires?d?_?grad(?:s|ient|ients)?")  # of a parameter, which takes any attribute


@dataclass(frozen=True)
class Unheeded:
    """An attribute that was meant to freeze or to thaw, and does neither."""

    owner: str  # path of the module, or of the parameter
    attribute: str
    value: bool
    parameters: tuple[str, ...]  # whose requires_grad is the other
    place: Location = Location()  # the line that sets it, where only one can be meant

    def sentence(self) -> str:
        on = "module" if self._is_of_a_module else "parameter"
        state = "no gradient is computed for it" if self.value else "it goes on training"
        count = f" ({len(self.parameters)} parameters)" if len(self.parameters) > 1 else ""
        return f"`{self.owner or 'model'}.{self.attribute} = {self.value}` is a plain attribute of a {on}, which nothing reads: {state}{count}"

    def advice(self) -> str:
        return f"module.requires_grad_({self.value})" if self._is_of_a_module else f"parameter.requires_grad = {self.value}"

    def location(self) -> Location:
        return replace(self.place, module=self.parameters[0].rpartition(".")[0], parameter=self.parameters[0], detail=f"attribute {self.attribute}")

    @property
    def _is_of_a_module(self) -> bool:
        return self.parameters != (self.owner,)


def unheeded(model: nn.Module) -> tuple[Unheeded, ...]:
    """All of a model, outer modules first."""
    return tuple(_of_modules(model)) + tuple(_of_parameters(model))


def _of_modules(model: nn.Module) -> Iterator[Unheeded]:
    for path, module in model.named_modules():
        value = vars(module).get("requires_grad")
        inside = list(module.named_parameters(plain_path(path)))
        if isinstance(value, bool) and inside and all(parameter.requires_grad is not value for _, parameter in inside):
            yield Unheeded(plain_path(path), "requires_grad", value, tuple(name for name, _ in inside), _set_at("requires_grad", value))


def _of_parameters(model: nn.Module) -> Iterator[Unheeded]:
    for name, parameter in model.named_parameters():
        for attribute, value in vars(parameter).items():
            if MISSPELT.fullmatch(attribute) and isinstance(value, bool) and parameter.requires_grad is not value:
                yield Unheeded(plain_path(name), attribute, value, (plain_path(name),), _set_at(attribute, value))


def _set_at(attribute: str, value: bool) -> Location:
    """The one statement that gives an attribute of this name this value, apart from those in a loop over parameters."""
    lines = ((text, cell, node) for text, cell, tree in texts() for node in _setting(tree, attribute, value))
    return Location(**location_fields(only(lines)))


def _setting(tree: ast.AST, attribute: str, value: bool) -> Iterator[ast.expr]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.For) and attribute == "requires_grad" and re.search(r"parameters\(", ast.unparse(node.iter)):
            continue
        fits = isinstance(node, ast.Assign) and not (isinstance(node.value, ast.Constant) and node.value.value is not value)
        if fits and any(isinstance(target, ast.Attribute) and target.attr == attribute for target in node.targets):
            yield node.value
        yield from _setting(node, attribute, value)
