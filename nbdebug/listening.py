"""Listening to a training step: which modules ran, which torch functions, on what, from which line.

Everything listens through context managers, so nothing stays behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    _global_forward_hooks_with_kwargs,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode

from nbdebug.batch import tensors
from nbdebug.findings import Location
from nbdebug.lines.built import line_that_builds
from nbdebug.source_lines import SourceLine, location_fields, users_line

# functions that move or retype values without changing what they mean
RESHAPING = frozenset(
    "view reshape squeeze unsqueeze flatten unflatten transpose permute movedim swapaxes contiguous clone to float "
    "double half bfloat16 type type_as view_as expand expand_as mT T H t narrow select chunk split unbind __getitem__ "
    "squeeze_ unsqueeze_ requires_grad_".split()
)
LEAVES_TORCH = frozenset("numpy item tolist __array__ __float__ __int__ __index__".split())  # no tensor comes back
IN_PLACE = frozenset(["__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__"])
RETURN_NO_TENSOR = IN_PLACE | LEAVES_TORCH


@dataclass
class Call:
    """One call of a torch function, as the user's code or a module made it."""

    index: int  # order of the call on the tape
    name: str  # "softmax", whether called as F.softmax, torch.softmax or x.softmax
    operator: str  # the name as one would write it: "torch.nn.functional.softmax"
    module: str  # dotted path of the innermost module that was running; "" for the root or none
    kind: str  # its class, when it is one of torch's own
    in_model: bool  # whether a module of the model was running; a loss that is a module is none of the model's
    line: SourceLine | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    given: list[Tensor]  # the tensors among the arguments
    output: Any
    grad_enabled: bool
    parents: tuple[int, ...]  # for each tensor among the arguments the call that had made it; -1 for none

    @property
    def location(self) -> Location:
        line = self.line or (line_that_builds(self.kind) if self.kind else None)
        return Location(module=self.module, operator=self.operator, **location_fields(line))

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """An argument given by position or by name."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)

    def inputs(self) -> list[Tensor]:
        return self.given

    def outputs(self) -> list[Tensor]:
        return _tensors_in((self.output,))


@dataclass
class ModuleCall:
    """One call of a module: of the model, of the loss, or of neither (a hidden one)."""

    path: str | None  # dotted path in the model; None for a module that the model does not have
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    training: bool
    first: int  # index of the first function call inside
    output: Any = None
    last: int = -1  # one past the last function call inside
    returned: bool = False


@dataclass
class Tape:
    """Records a step. Use as `with Tape(model) as tape: loss = setup.loss(batch)`.

    Holds every tensor it saw, so keep it only as long as it is read.
    """

    model: nn.Module
    calls: list[Call] = field(default_factory=list)
    modules: list[ModuleCall] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paths = module_paths(self.model)
        self._running: list[ModuleCall] = []
        self._made: dict[int, int] = {}  # id of a tensor → index of the call that made it last
        self._alive: list[Any] = []  # so that no id is used twice

    def __enter__(self) -> Tape:
        self._attached = attached(_Listener(self), self._enter_module, self._leave_module)
        return self

    def __exit__(self, *error: Any) -> None:
        self._attached.close()

    def maker(self, tensor: Tensor) -> Call | None:
        """The call that made this tensor (or wrote into it last), or None."""
        index = self._made.get(id(tensor))
        return None if index is None else self.calls[index]

    def origin(self, tensor: Tensor) -> Call | None:
        """The call that gave these values their meaning: reshaping and retyping are looked through."""
        call = self.maker(tensor)
        while call is not None and call.name in RESHAPING and call.parents:
            call = self.before(call)
        return call

    def before(self, call: Call) -> Call | None:
        """The call that had made the first tensor among the arguments of this one."""
        index = call.parents[0] if call.parents else -1
        return self.calls[index] if index >= 0 else None

    def ancestors(self, tensor: Tensor) -> set[int]:
        """Indices of all calls that had a part in this tensor."""
        found: set[int] = set()
        ahead = [index for index in (self._made.get(id(tensor)),) if index is not None]
        while ahead:
            index = ahead.pop()
            if index >= 0 and index not in found:
                found.add(index)
                ahead.extend(self.calls[index].parents)
        return found

    @property
    def root(self) -> ModuleCall | None:
        """The last call of the model itself."""
        return next((call for call in reversed(self.modules) if call.module is self.model), None)

    @property
    def innermost(self) -> str:
        """Path of the module that runs now; after an error, of the one that raised."""
        return next((call.path for call in reversed(self._running) if call.path is not None), "")

    def _kind(self) -> str:
        kind = type(self._running[-1].module) if self._running else Tape
        return kind.__name__ if kind.__module__.startswith("torch.nn") else ""

    # -- what the hooks and the mode write ------------------------------------------------------------------

    def _enter_module(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        call = ModuleCall(self.paths.get(id(module)), module, args, {}, module.training, len(self.calls))
        self.modules.append(call)
        self._running.append(call)
        self._alive.append(args)

    def _leave_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        while self._running:  # a module whose error the user caught never left
            call = self._running.pop()
            if call.module is module:
                call.kwargs, call.output, call.last, call.returned = kwargs, output, len(self.calls), True
                return

    def _record(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        given = _tensors_in((*args, *kwargs.values()))
        parents = tuple(self._made.get(id(tensor), -1) for tensor in given)
        name = _short_name(func)
        call = Call(
            len(self.calls), name, _written_name(func, name), self.innermost, self._kind(), any(call.path is not None for call in self._running),
            users_line(depth=3), args, kwargs, given, output, torch.is_grad_enabled(), parents,
        )  # fmt: skip
        self.calls.append(call)
        self._alive.append((args, kwargs, output))
        written = given[:1] if name in IN_PLACE else []  # these return nothing, or what they wrote to
        for tensor in [*call.outputs(), *written]:
            self._made[id(tensor)] = call.index


class _Listener(TorchFunctionMode):
    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        if _is_transformed(output):  # inside vmap, grad: such a tensor is none outside of it
            return output
        if _tensors_in((output,)) or _short_name(func) in RETURN_NO_TENSOR:
            self.tape._record(func, args, kwargs, output)
        return output


def _is_transformed(output: Any) -> bool:
    return isinstance(output, Tensor) and torch._C._functorch.is_functorch_wrapped_tensor(output)


def _tensors_in(values: tuple[Any, ...]) -> list[Tensor]:
    """The tensors among values, most of which are tensors or plain numbers."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif value is not None and not isinstance(value, (int, float, str, torch.dtype)):
            found.extend(tensor for _, tensor in tensors(value))
    return found


def attached(mode: TorchFunctionMode, enter: Callable[..., None], leave: Callable[..., None]) -> contextlib.ExitStack:
    """A function mode and hooks on every module, in force until the stack is closed.

    Args:
        enter: called as `enter(module, args)` before a module runs.
        leave: called as `leave(module, args, kwargs, output)` after it.
    """
    with contextlib.ExitStack() as stack:  # an interrupt in between takes off what was put on
        stack.callback(register_module_forward_pre_hook(enter).remove)
        hook = register_module_forward_hook(leave, with_kwargs=True)
        stack.callback(_global_forward_hooks_with_kwargs.pop, hook.id, None)  # what remove() forgets, and torch.compile warns of
        stack.callback(hook.remove)
        stack.enter_context(mode)
        return stack.pop_all()


def module_paths(model: nn.Module) -> dict[int, str]:
    """id of a module → its dotted path, without what torch.compile and DDP put before it."""
    return {id(module): plain_path(path) for path, module in model.named_modules()}


def plain_path(path: str) -> str:
    """`_orig_mod.encoder.0` → `encoder.0`; also `module.` of DistributedDataParallel."""
    return ".".join([part for part in path.split(".") if part != "_orig_mod"]) if "_orig_mod" in path else path


def called_parameters(tape: Tape) -> Iterator[Tensor]:
    """Every parameter that took part in a recorded call."""
    seen: set[int] = set()
    for call in tape.calls:
        for tensor in call.inputs():
            if isinstance(tensor, nn.Parameter) and id(tensor) not in seen:
                seen.add(id(tensor))
                yield tensor


def _short_name(func: Any) -> str:
    name = getattr(func, "__name__", str(func))
    if name in ("__get__", "__set__"):  # a property such as x.data or x.mT
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    return name


def _written_name(func: Any, name: str) -> str:
    module = getattr(func, "__module__", None) or ""
    if module.startswith("torch.nn.functional") or module == "torch._jit_internal":
        return f"torch.nn.functional.{name}"
    kind = type(func).__name__
    if kind in ("method_descriptor", "wrapper_descriptor", "method-wrapper") or module == "torch._tensor":
        return f"torch.Tensor.{name}"
    if not hasattr(torch, name) and hasattr(nn.functional, name):  # built-ins such as F.linear have no module
        return f"torch.nn.functional.{name}"
    return f"torch.{name}"
