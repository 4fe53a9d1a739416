"""Which line wrote over a tensor that backward needed: every saved tensor and every write of the step, in the order they came."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nbdebug.batch import tensors
from nbdebug.crash.again import Rerun
from nbdebug.crash.source import statement_at
from nbdebug.listening import Tape
from nbdebug.source_lines import SourceLine, line_of, users_frame

MESSAGE = re.compile(r"modified by an inplace operation: \[[\w.]+ \[?([\d, ]*)\]?\], which is output \d+ of (\w+)")
LAYERS = ("relu", "dropout", "leaky_relu", "elu", "silu", "hardswish", "hardtanh", "relu6", "celu", "selu", "mish")  # can be built with inplace=True
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"}


@dataclass(frozen=True)
class Place:
    """Where a torch function was called."""

    name: str
    module: str
    line: SourceLine | None
    file: str
    number: int  # line in the file, as compiled

    @property
    def operator(self) -> str:
        return "torch.optim.Optimizer.step" if self.name == "step" else f"torch.nn.functional.{self.name}" if self.name in LAYERS else f"torch.Tensor.{self.name}"

    def __str__(self) -> str:
        return str(self.line) if self.line is not None else f"{self.module} ({self.name})"


@dataclass(frozen=True)
class Damage:
    """A tensor that a function kept for its backward pass, and the call that wrote over it."""

    kept: Place
    written: Place
    shape: tuple[int, ...]


class Saving(TorchFunctionMode):
    """Notes what is kept for backward, and what is written to."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.now: Place | None = None
        self.kept: list[tuple[Tensor, Place]] = []
        self.damages: list[Damage] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        given = [t for _, t in tensors((args, kwargs))]
        before = [t._version for t in given if not t.is_inference()]
        self.now = _place(name, self.tape.innermost, sys._getframe(1))
        try:
            return func(*args, **kwargs)
        finally:
            after = [t for t in given if not t.is_inference()]
            for tensor, version in zip(after, before, strict=True):
                if tensor._version > version:
                    self._wrote(tensor)

    def keep(self, tensor: Tensor) -> Tensor:
        """What autograd calls with every tensor that it keeps."""
        if self.now is not None:
            self.kept.append((tensor, self.now))
        return tensor

    def _wrote(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage().data_ptr()
        hit = [(t, p) for t, p in self.kept if t.untyped_storage().data_ptr() == storage and storage]
        self.damages += [Damage(place, self.now, tuple(t.shape)) for t, place in hit if place is not self.now or place.name.endswith("_")]


def damage_of(rerun: Rerun | None, message: str) -> Damage | None:
    """The damage that backward complained of, found by running the step once more; None when it does not show."""
    if rerun is None:
        return None
    tape = Tape(rerun.tape.model)
    saving = Saving(tape)
    try:
        with torch.autograd.graph.saved_tensors_hooks(saving.keep, lambda kept: kept), tape, saving:
            rerun.run()
    except Exception:  # what was kept and written until then is what counts
        pass
    found = saving.damages
    matched = MESSAGE.search(message)
    shape = tuple(int(n) for n in matched[1].split(",") if n.strip()) if matched else None
    return next((d for d in reversed(found) if d.shape == shape), found[-1] if found else None)


def runs_on_copies(rerun: Rerun) -> bool:
    """Whether backward gets through when what it keeps is a copy, as it is when nothing is written in place."""
    try:
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor.clone(), lambda kept: kept):
            rerun.run()
    except Exception:
        return False
    return True


def out_of_place(damage: Damage) -> tuple[str, str]:
    """What to do about the line that wrote, and the line as it should be; "" when it is no line of the user's."""
    statement, text = statement_at(damage.written.file, damage.written.number)
    if damage.written.name == "step":
        return "keep the order: every backward() of this forward pass before step(), or that forward pass anew after it", f"{text}  # after the last backward()"
    if damage.written.name in LAYERS:
        layer = damage.written.module or "the layer"
        return f"build {layer} without inplace=True", f"inplace=False  # of {layer}"
    if isinstance(statement, ast.AugAssign) and type(statement.op) in OPERATORS:
        target, value = ast.unparse(statement.target), ast.unparse(statement.value)
        if isinstance(statement.target, ast.Name):
            value = value if isinstance(statement.value, (ast.Name, ast.Constant, ast.Call, ast.Attribute)) else f"({value})"
            return "make a new tensor instead of writing into the old one", f"{target} = {target} {OPERATORS[type(statement.op)]} {value}"
    if isinstance(statement, (ast.Assign, ast.AugAssign)):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if isinstance(target, ast.Subscript):
            owner = ast.unparse(target.value)
            return "write into a copy", f"{owner} = {owner}.clone()\n{text}"
    call = next((n for n in ast.walk(statement) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)), None) if statement is not None else None
    if call is not None and call.func.attr.endswith("_"):
        owner = ast.unparse(call.func.value)
        said = f"{owner}.{call.func.attr[:-1]}({', '.join(map(ast.unparse, [*call.args, *[k.value for k in call.keywords]]))})"
        return "make a new tensor instead of writing into the old one", f"{owner} = {said}" if isinstance(statement, ast.Expr) else said
    return "make a new tensor instead of writing into the old one", ""


def _place(name: str, module: str, frame: FrameType) -> Place:
    users = users_frame(frame)
    if users is not None and _through_an_optimizer(frame, users):
        name = "step"
    if users is None:
        return Place(name, module, None, "", 0)
    return Place(name, module, line_of(users), users.f_code.co_filename, users.f_lineno)


def _through_an_optimizer(frame: FrameType, users: FrameType) -> bool:
    outer: FrameType | None = frame
    while outer is not None and outer is not users:
        if "torch/optim/" in outer.f_code.co_filename.replace("\\", "/"):
            return True
        outer = outer.f_back
    return False


def saved_by(loss: Any, depth: int = 500) -> str:
    """The operation whose saved tensor was damaged, from the graph alone: its accessors raise."""
    ahead, seen = [getattr(loss, "grad_fn", None)], set()
    while ahead and len(seen) < depth:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for name in dir(node):
            if name.startswith("_saved_") and _raises(lambda n=node, a=name: getattr(n, a)):
                return str(node.name()).removesuffix("Backward0")
        ahead += [inner for inner, _ in node.next_functions]
    return ""


def _raises(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except RuntimeError as error:
        return "inplace" in str(error)
    return False

