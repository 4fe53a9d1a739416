"""The user's autograd Functions: what each call was given in the forward pass, and what its backward answered."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.utils.checkpoint import CheckpointFunction

from nbdebug.instruments.gradcheck.held import Held
from nbdebug.lines.sources import function_at, parsed
from nbdebug.source_lines import SourceLine, line_of, line_of_code, users_line

MOST_CALLS = 4  # of one class that are kept and examined; a Function in a loop over time is called hundreds of times


@dataclass(eq=False)
class Call:
    """One call of a Function in the base pass. Holds tensors: for the time of the examination only."""

    cls: type[Function]
    args: tuple[Any, ...]  # without ctx; tensors are copies from before the call
    line: SourceLine | None  # of the call
    random_state: Tensor
    ctx: Any = None
    grad_outputs: tuple[Tensor | None, ...] | None = None  # what arrived; None until backward reached it
    grad_inputs: tuple[Any, ...] = ()  # what its backward answered
    wanted: tuple[bool, ...] = ()  # whether a gradient of the argument was needed


class Watched:
    """Patches the forward and backward of these Functions, for the time of a `with` block.

    While a forward runs, `held` is told that nothing inside it is differentiated. With `calls` given, they are recorded.
    """

    def __init__(self, classes: list[type[Function]], held: Held, calls: list[Call] | None = None) -> None:
        self.classes, self.held, self.calls = classes, held, calls
        self._unbound: list[Call] = []  # Functions with setup_context learn their ctx after the forward

    def __enter__(self) -> Watched:
        with contextlib.ExitStack() as stack:
            for cls in self.classes:
                own_context = cls.setup_context is not Function.setup_context
                stack.callback(_patch(cls, "forward", self._forward(cls, cls.forward, own_context)))
                if self.calls is not None and own_context:
                    stack.callback(_patch(cls, "setup_context", self._setup_context(cls.setup_context)))
                name = "vjp" if cls.backward is Function.backward else "backward"
                if self.calls is not None:
                    stack.callback(_patch(cls, name, self._backward(getattr(cls, name))))
            stack.callback(_patch(CheckpointFunction, "forward", _followed(CheckpointFunction.forward)))
            self._patches = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._patches.close()

    def _forward(self, cls: type[Function], original: Callable[..., Any], own_context: bool) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            if self.calls is not None and sum(call.cls is cls for call in self.calls) < MOST_CALLS and not kwargs:
                given = args if own_context else args[1:]
                call = Call(cls, tuple(map(_copy, given)), users_line(depth=2), torch.get_rng_state())
                self.calls.append(call)
                if own_context:
                    self._unbound.append(call)
                else:
                    call.ctx = args[0]
            self.held.inside += 1
            try:
                return original(*args, **kwargs)
            finally:
                self.held.inside -= 1

        return forward

    def _setup_context(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def setup_context(ctx: Any, inputs: Any, output: Any) -> Any:
            if self._unbound:
                self._unbound.pop().ctx = ctx
            self.held.inside += 1
            try:
                return original(ctx, inputs, output)
            finally:
                self.held.inside -= 1

        return setup_context

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def backward(ctx: Any, *grads: Any) -> Any:
            call = next((call for call in self.calls or () if call.ctx is ctx), None)
            arrived = tuple(map(_copy, grads))
            answer = original(ctx, *grads)
            if call is not None and call.grad_outputs is None:
                call.grad_outputs = arrived
                call.grad_inputs = tuple(map(_copy, answer if isinstance(answer, tuple) else (answer,)))
                call.wanted = tuple(ctx.needs_input_grad)
            return answer

        return backward


def user_functions() -> list[type[Function]]:
    """Every Function class that is not torch's own; also what `torch.library` makes of an operator of the user's."""
    ahead, seen, found = list(Function.__subclasses__()), set(), []
    while ahead:
        cls = ahead.pop()
        if cls in seen:
            continue
        seen.add(cls)
        ahead.extend(cls.__subclasses__())
        module = cls.__module__ or ""
        if module == "torch._library.autograd":
            operator = _operator(cls)
            if operator is not None and not operator[1].__module__.startswith("torch."):
                found.append(cls)
        elif not module.startswith(("torch.", "functorch.", "nbdebug.")):
            found.append(cls)
    return found


def taking_part(loss: Tensor) -> bool:
    """Whether a Function of the user's made a node of this graph; what a reentrant checkpoint hides is not seen."""
    classes, ahead, seen = set(user_functions()), [loss.grad_fn], set()
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if getattr(type(node), "_forward_cls", None) in classes:
            return True
        ahead.extend(before for before, _ in node.next_functions)
    return False


def name_of(cls: type[Function]) -> str:
    """The class as one would call it; of an operator its own name, such as `mylib::scan`."""
    operator = _operator(cls)
    return cls.__name__ if operator is None else operator[0].name()


def backward_line(cls: type[Function]) -> SourceLine | None:
    """The line where the backward of a Function is defined."""
    return defined_at(_backward_of(cls))


def line_of_answer(cls: type[Function], position: int) -> SourceLine | None:
    """The line in a Function's backward that makes its answer for one input; None where it does not say so in one place."""
    code = getattr(_backward_of(cls), "__code__", None)
    tree = parsed("".join(linecache.getlines(code.co_filename))) if code is not None else None
    body = function_at(tree, code.co_firstlineno) if tree is not None and code is not None else None
    if body is None or code is None:
        return None
    returns = [node for node in ast.walk(body) if isinstance(node, ast.Return) and node.value is not None]
    if len(returns) != 1:
        return None
    value = returns[0].value
    answers = value.elts if isinstance(value, ast.Tuple) else [value]
    if position >= len(answers) or any(isinstance(answer, ast.Starred) for answer in answers):
        return line_of_code(code, returns[0].lineno)
    answer = answers[position]
    written = [node for node in ast.walk(body) if isinstance(answer, ast.Name) and isinstance(node, (ast.Assign, ast.AugAssign)) and _gives(node, answer.id)]
    return line_of_code(code, (max(written, key=lambda node: node.lineno) if written else answer).lineno)


def _gives(node: ast.Assign | ast.AugAssign, name: str) -> bool:
    """Whether a statement gives a variable its value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(part, ast.Name) and part.id == name for target in targets for part in ast.walk(target))


def _backward_of(cls: type[Function]) -> Any:
    operator = _operator(cls)
    if operator is not None:
        return operator[1]
    return cls.vjp if cls.backward is Function.backward else cls.backward


def argument_names(cls: type[Function]) -> list[str]:
    """The names of a Function's inputs, ctx left out."""
    operator = _operator(cls)
    if operator is not None:
        return [argument.name for argument in operator[0]._schema.arguments]
    names = list(inspect.signature(cls.forward).parameters)
    return names if cls.setup_context is not Function.setup_context else names[1:]


def defined_at(function: Any) -> SourceLine | None:
    """The `def` (or lambda) of a function, by its cell in a notebook; None for one that is not written in Python."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(inspect.unwrap(function) if callable(function) else None, "__code__", None)
    return None if code is None else line_of(_Definition(code, _def_line(code)))


def _operator(cls: type[Function]) -> tuple[Any, Callable[..., Any]] | None:
    """Of the class behind an operator: the operator, and the backward that was registered for it."""
    if cls.__module__ != "torch._library.autograd":
        return None
    code, cells = cls.backward.__code__, cls.backward.__closure__ or ()
    held = {name: cell.cell_contents for name, cell in zip(code.co_freevars, cells, strict=True)}
    backward = getattr(held.get("info"), "_backward_fn", None)
    return None if backward is None or "op" not in held else (held["op"], backward)


@dataclass(frozen=True)
class _Definition:
    """What `line_of` reads of a frame, for code that is not running."""

    f_code: CodeType
    f_lineno: int
    f_back: None = None


def _def_line(code: CodeType) -> int:
    """Decorators come first in a code object's lines."""
    first = code.co_firstlineno
    for number in range(first, first + 10):
        if linecache.getline(code.co_filename, number).lstrip().startswith(("def ", "async def ")):
            return number
    return first


def _patch(cls: type[Function], name: str, replacement: Callable[..., Any]) -> Callable[[], None]:
    own = vars(cls).get(name)

    def undo() -> None:
        if own is None:
            delattr(cls, name)
        else:
            setattr(cls, name, own)

    setattr(cls, name, staticmethod(replacement))
    return undo


def _followed(original: Callable[..., Any]) -> Callable[..., Any]:
    """A checkpoint that runs its part under no_grad, and again in backward with gradients: what it holds back it does
    for memory, and not for the user."""

    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        @torch.enable_grad()
        def run(*given: Any) -> Any:
            return run_function(*given)

        answer = original(ctx, run, preserve_rng_state, *args)
        ctx.run_function = run_function
        with torch._C.DisableTorchFunction():  # this detach is ours
            return tuple(map(_cut, answer)) if isinstance(answer, tuple) else _cut(answer)

    return forward


def _cut(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
