"""What raised, as the mends see it: the call with its arguments by name, the layer it ran in, and the user's words for them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import describe, tensors
from nbdebug.crash.again import Rerun
from nbdebug.crash.building import written
from nbdebug.crash.lending import Raised, Repair
from nbdebug.crash.scene import Scene
from nbdebug.crash.source import Source
from nbdebug.listening import module_paths
from nbdebug.source_lines import is_users

SHORT = re.compile(r"__[ir]?(\w+)__")  # __matmul__, __radd__


@dataclass(frozen=True)
class Try:
    """A mend that may be the right one."""

    what: str
    code: str
    repair: Repair | None  # None: it cannot be tried
    why: str = ""
    done: str = ""  # what came of it, when it was tried in another way
    by_text: bool = False  # whether `code` is the whole statement and is tried by running it


class Failure:
    """The call that raised. Everything is what it was at that moment; in a rerun, copies of it."""

    def __init__(self, scene: Scene, phase: str, rerun: Rerun | None, first: Scene | None = None) -> None:
        self.scene, self.phase, self.rerun = scene, phase, rerun
        self.users = first if first is not None and scene.users() is None else scene  # whose lines give things their names
        self.message = scene.message
        stop = self.users.users()
        self.source = Source(stop) if stop is not None else None
        self.module = scene.innermost.module if scene.running else None
        self.root = scene.outermost.module if scene.running else None
        self.raised = rerun.raised if rerun is not None and rerun.raised is not None else _from_frames(scene)
        if isinstance(self.module, nn.MultiheadAttention):  # what it makes of its arguments is not what the user gave
            self.raised = Raised(self.module.forward, "MultiheadAttention", scene.innermost.args, scene.innermost.kwargs, self.module)
            if rerun is not None:
                rerun.raised = self.raised
        self.given = _named(self.raised) if self.raised is not None else {}

    @property
    def name(self) -> str:
        """The short name of the function: "linear", "matmul", "add"."""
        name = self.raised.name if self.raised is not None else ""
        matched = SHORT.fullmatch(name)
        return matched[1] if matched else name

    def tensor(self, *names: str) -> Tensor | None:
        """The first of the arguments of these names that is a tensor."""
        found = (self.given.get(name) for name in names)
        return next((value for value in found if isinstance(value, Tensor)), None)

    def all_tensors(self) -> list[tuple[str, Tensor]]:
        return [(name + place, tensor) for name, value in self.given.items() for place, tensor in tensors(value)]

    # -- words ------------------------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The layer, as one would name it: `fc (Linear)`; else the function."""
        if self.module is None:
            return self.name
        kind, path = type(self.module).__name__, self.scene.path
        return f"{self.owner() if path.isdecimal() else path} ({kind})" if path else kind

    def word(self, value: Any, default: str) -> str:
        """How the user writes this object, or its path when it is a parameter."""
        value = self.original(value)
        node = self.source.node_of(value) if self.source is not None else None
        if node is not None:
            return self.source.segment(node)
        if isinstance(value, nn.Parameter) and self.root is not None:
            return next((name for name, p in self.root.named_parameters() if p is value), default)
        return default

    def original(self, value: Any) -> Any:
        """What the user's frames hold in place of a copy."""
        return self.rerun.stands_for.get(id(value), value) if self.rerun is not None else value

    def node(self, value: Any, position: int | None) -> Any:
        """The user's expression for an argument: by identity, else by its place in a call that leads straight here."""
        if self.source is None:
            return None
        value = self.original(value)
        at = self.source.argument(position) if position is not None and self._is_direct() else None
        if at is not None and self.source.value(at) is value:  # X @ X has two names for one tensor
            return at
        node = self.source.node_of(value) or self.source.keyword(next((n for n, v in self.given.items() if v is value), ""))
        if node is None and position is not None and self._is_direct():
            node = self.source.argument(position)
            known = self.source.value(node) if node is not None else None
            node = None if isinstance(known, Tensor) and isinstance(value, Tensor) and known is not value else node
        return node

    def edit(self, value: Any, template: str, position: int | None = 0) -> str:
        """The user's line with this argument mended: `{}.flatten(1)`; when the line is not his, a line to put before the layer."""
        code = self.source.edited(self.node(value, position), template) if self.source is not None else ""
        if code:
            return code
        name = next((n for n, v in self.given.items() if v is value), "x").partition(" ")[0]
        name = "x" if name in ("input", "argument", "self") else name
        return f"{name} = {template.format(name)}" + (f"  # before {self.owner()}" if self.scene.path else "")

    def whole(self, template: str) -> str:
        """The user's line with the expression that raised put into a template."""
        return self.source.edited(self.source.expression, template) if self.source is not None and self.source.expression is not None else ""

    def layer(self, **changes: Any) -> str:
        """The line that builds this layer, with other arguments."""
        return f"{self.owner()} = {written(self.module, changes)}" if self.module is not None else ""

    def owner(self) -> str:
        """How the user's code reaches the layer: `self.features[0]`, `model[2]`."""
        for name, value in self._models():
            if (path := module_paths(value).get(id(self.module))) is not None:
                parts = [f"[{part}]" if part.isdecimal() else f".{part}" for part in path.split(".") if part]
                return name + "".join(parts)
        return self.scene.path or "layer"

    def _models(self) -> Iterator[tuple[str, nn.Module]]:
        """The modules that the user's frames have names for, from the innermost frame outwards; what a line calls, first."""
        for stop in reversed(self.users.stops):
            if not is_users(stop.frame.f_code):
                continue
            source = Source(stop)
            called = source.expression.func if isinstance(source.expression, ast.Call) else None
            named = [("self", self.users.variables(stop).get("self")), (source.segment(called) if called is not None else "", source.value(called))]
            yield from ((name, value) for name, value in (*named, *self.users.variables(stop).items()) if name and isinstance(value, nn.Module))

    def callee(self) -> Any:
        """What the user's line calls."""
        node = self.source.expression if self.source is not None else None
        return self.source.value(node.func) if isinstance(node, ast.Call) else None

    def _is_direct(self) -> bool:
        """Whether the user's line itself calls what raised, or the one layer that did."""
        at = next((i for i, stop in enumerate(self.users.stops) if self.source is not None and stop is self.source.stop), -1)
        return sum(running.caller >= at for running in self.users.running) <= 1


def _from_frames(scene: Scene) -> Raised | None:
    """What the frames alone tell: a function of torch.nn.functional, or one of torch's own layers."""
    stop = scene.function()
    if stop is not None:
        code, held = stop.frame.f_code, scene.variables(stop)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        function = getattr(nn.functional, code.co_name, None)
        if function is not None and all(name in held for name in names):
            return Raised(function, code.co_name, (), {name: held[name] for name in names})
    inner = scene.innermost
    if inner is not None and type(inner.module).__module__.startswith("torch.nn"):
        return _as_function(inner.module, inner.args) or Raised(inner.module.forward, type(inner.module).__name__, inner.args, inner.kwargs, inner.module)
    return None


def _as_function(module: nn.Module, args: tuple[Any, ...]) -> Raised | None:
    """A layer without a Python function of its own, as the built-in that it calls."""
    name = {nn.Linear: "linear", nn.Conv1d: "conv1d", nn.Conv2d: "conv2d", nn.Conv3d: "conv3d"}.get(type(module))
    if name is None or not args:
        return None
    extra = {"groups": module.groups} if name != "linear" else {}
    return Raised(getattr(nn.functional, name), name, (args[0],), {"weight": module.weight, "bias": module.bias, **extra})


def _named(raised: Raised) -> dict[str, Any]:
    """The arguments by the names that torch gives them."""
    names = _parameters(raised)
    given = {names[i] if i < len(names) else f"argument {i + 1}": value for i, value in enumerate(raised.args)}
    return {**given, **raised.kwargs}


def _parameters(raised: Raised) -> list[str]:
    function: Callable[..., Any] = raised.function
    if raised.module is None and not inspect.isfunction(function):
        function = torch.overrides.get_testing_overrides().get(function, function)
    try:
        kinds = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["input", "other"]
    return [p.name for p in kinds if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def said_of(value: Any) -> str:
    """A value in a sentence: `float32 (8, 3)`, or its class."""
    return describe(value)
