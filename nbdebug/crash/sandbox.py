"""The user's own statements around a crash, run again on copies: from what raised down to backward().

Only what can be run without being noticed is taken: assignments, in-place tensor methods, backward(). Calls that print, log,
save or step are left out, tensors and containers are copied, and modules are lent by `untouched` meanwhile.
"""

from __future__ import annotations

import ast
import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.batch import map_tensors
from nbdebug.crash.source import Source
from nbdebug.crash.statements import (
    RESULT,
    as_assignment,
    before_a_loader,
    calls,
    from_here,
    from_the_top,
    inline,
)
from nbdebug.source_lines import variables_of

LARGEST = 2**26  # elements that are copied for a try; 256 MiB in float32, our choice


class TooLarge(Exception):
    """The variables would take too much memory to be copied."""


class Steps:
    """The statements from what raised to the end of the step."""

    def __init__(self, source: Source, *, whole: bool = False, cut: bool = False) -> None:
        self.source = source
        name = source.stop.frame.f_code.co_name
        in_expression = name.startswith("<") and name != "<module>"  # of a lambda, a comprehension
        self.statements = inline(source) if in_expression else from_the_top(source, cut) if whole else from_here(source.blocks)
        self.steps_too = whole
        held = {**source.stop.frame.f_globals, **variables_of(source.stop.frame)}
        self.statements = before_a_loader(self.statements, held)
        names = {n.id for s in self.statements for n in ast.walk(s) if isinstance(n, ast.Name)}
        self.names = {name: held[name] for name in names if name in held}
        self.around = held
        self.done = 0

    @property
    def last(self) -> ast.stmt | None:
        return self.statements[-1] if self.statements else None

    def modules(self) -> list[nn.Module]:
        return [value for value in self.names.values() if isinstance(value, nn.Module)]

    def optimizers(self) -> tuple[Optimizer, ...]:
        return tuple(value for value in self.names.values() if isinstance(value, Optimizer))

    def __call__(self) -> Any:
        """Runs them; an error of theirs goes through, and `done` tells how many had run."""
        space = {**self.around, **_copies(self.names)}
        self.done = 0
        for statement in self.statements:
            tree = ast.Module([as_assignment(statement)], type_ignores=[])
            exec(compile(ast.fix_missing_locations(tree), self.source.stop.file, "exec"), space)
            self.done += 1
        return space.get(RESULT)

    @contextlib.contextmanager
    def edited(self, code: str) -> Iterator[None]:
        """The first statement, the one that raised, exchanged for this text."""
        first = self.statements[0]
        new = [ast.copy_location(statement, first) for statement in ast.parse(code).body]
        self.statements[0:1] = new
        try:
            yield
        finally:
            self.statements[0 : len(new)] = [first]

    def is_backward(self) -> bool:
        """Whether the last of them goes all the way."""
        return self.last is not None and calls(self.last, "backward")


def _copies(names: dict[str, Any]) -> dict[str, Any]:
    """Tensors and containers anew, so that nothing the user holds is written to."""
    room = [LARGEST]
    lent: dict[int, Tensor] = {}
    return {name: _copy(value, lent, room) for name, value in names.items()}


def _copy(value: Any, lent: dict[int, Tensor], room: list[int]) -> Any:
    if isinstance(value, (Tensor, list, tuple, dict, set)):
        return copy.copy(value) if isinstance(value, set) else map_tensors(lambda tensor: twin(tensor, lent, room), value)
    return value


def twin(tensor: Tensor, lent: dict[int, Tensor], room: list[int]) -> Tensor:
    """A copy that wants a gradient if the original does, and may be written to if the original may."""
    if isinstance(tensor, nn.Parameter):
        return tensor  # lent by its module
    if id(tensor) not in lent:
        room[0] -= tensor.numel()
        if room[0] < 0:
            raise TooLarge
        with torch._C.DisableTorchFunction():  # copying is no part of the way
            made = _bare_copy(tensor).requires_grad_(tensor.requires_grad)
            lent[id(tensor)] = made if tensor.is_leaf or not tensor.requires_grad else made.view_as(made)
    return lent[id(tensor)]


def _bare_copy(tensor: Tensor) -> Tensor:
    with torch.no_grad():
        if tensor.layout != torch.strided or tensor.is_meta:
            return tensor.detach().clone()
        if 0 in tensor.stride() or not tensor.is_contiguous():  # strides are part of what is tried
            made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
            return made.copy_(tensor) if 0 not in tensor.stride() else tensor.detach().clone()
        return tensor.detach().clone()
