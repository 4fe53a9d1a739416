"""What the user's variables were when the body of a loop began, so that it can begin once more; nothing large is copied."""

from __future__ import annotations

import dis
import functools
from collections import deque
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.batch import map_tensors, tensors
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.loop.source import Loop
from nbdebug.source_lines import is_users, variables_of

HEAD, AFTER_UPDATE, FIRST_CALL = "head", "after the update before", "first call"  # where in a pass, or before it
SMALL = 64  # items of a container that are put aside at each pass; of a longer list only its length
CONTAINERS = (list, dict, set, deque)  # exactly these
PLAIN = (int, float, complex, str, bool, bytes, type(None))
NOT_HOLDERS = (nn.Module, Optimizer, torch.utils.data.DataLoader)  # what they carry is known elsewhere, or is no state of the loop

Drawn = list[tuple[Any, Any]]  # random states, each with what writes it back


class Fetched:
    """A batch that a loader gave, as it was then."""

    def __init__(self, loader: Any, batch: Any, *, copy: bool, drawn: Drawn | None = None) -> None:
        self.loader, self.copied = loader, copy
        self.drawn = drawn  # after it was fetched inside the body; None for one that came at the head of the loop
        given = [(t, t._version) for _, t in tensors(batch) if not t.is_inference()]
        self.batch = map_tensors(lambda t: t.clone() if copy else t, batch)  # its tuples, lists and dicts are new ones
        self._versions = given

    @property
    def written_to(self) -> bool:
        """Whether the loop changed it in place since."""
        return any(tensor._version != version for tensor, version in self._versions)


class Moment:
    """A place in one pass of a loop from where the body can be run again, with all that it depends on."""

    def __init__(self, kind: str, loop: Loop, models: Iterable[nn.Module]) -> None:
        self.kind, self.loop, self.models = kind, loop, tuple(models)
        self.snapshot = Snapshot(self.models, weights=False)

    def renew(self, frame: FrameType, updates: int) -> Moment:
        """It is now; `updates` are those that the optimizers have made so far."""
        self.frame, self.line, self.updates = id(frame), frame.f_lineno, updates  # not the frame, which would keep its variables alive
        self.batches: list[Fetched] = []
        self.seen: dict[str, Any] | None = None  # the variables at the first call of the pass, on the line
        self.first_line = 0
        self.drawn: Drawn | None = None  # random states that are later than the moment's
        self._late: list[Snapshot] = []
        self.snapshot.renew()
        held = variables_of(frame)
        read = [held[name] for name in self.loop.read if name in held]
        self.variables = _kept(self.loop, held)
        self.attributes, self.bindings = list(carried_attributes(read)), list(rebound_by_functions(read))
        return self

    def begun(self, frame: FrameType) -> None:
        """The first call of the pass: what the `for` bound is known now."""
        self.seen, self.first_line = _kept(self.loop, variables_of(frame)), frame.f_lineno

    def met(self, model: nn.Module) -> None:
        """A model is called for the first time: until now it was as it is."""
        self._late.append(Snapshot.take([model], weights=False))

    def restore(self) -> None:
        """Buffers, modes and random states as they were."""
        for late in self._late:
            late.restore()
        self.snapshot.restore()  # the last, for the random states
        for setting, state in self.drawn or ():
            setting.write(state)

    def buffers(self) -> dict[int, Tensor]:
        """id of a buffer → its values at the moment, as far as they were kept."""
        return {key: values for snapshot in (*self._late, self.snapshot) for key, values in snapshot.values().items()}

    def is_of(self, frame: FrameType) -> bool:
        return id(frame) == self.frame and frame.f_code is self.loop.code


def _kept(loop: Loop, held: dict[str, Any]) -> dict[str, Any]:
    return {n: put_aside(held[n]) for n in loop.read if n in held and (n in loop.carried or type(held[n]) in CONTAINERS)}


# -- what a pass may change, beside the names that it binds -----------------------------------------------------


class Shortened:
    """A long list, of which only the length is kept: what the loop appends comes after it."""

    def __init__(self, values: list[Any]) -> None:
        self.values, self.length = values, len(values)


def put_aside(value: Any) -> Any:
    """The value as it is now; its inner values are not looked at."""
    kind = type(value)
    if kind not in CONTAINERS:
        return value
    if len(value) <= SMALL:
        return value.copy()
    return Shortened(value) if kind is list else value


def taken_up(value: Any) -> Any:
    """What `put_aside` gave, for use: the user's own containers are not written to."""
    if isinstance(value, Shortened):
        return value.values[: value.length]
    return value.copy() if type(value) in CONTAINERS else value


def carried_attributes(values: Iterable[Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The attributes of the user's own objects, such as `self.step`: the mapping itself, and the part of it that is kept.

    A tensor with a graph is left out: it would be kept alive for longer than the user keeps it.
    """
    for value in values:
        if is_holder(value):
            held = vars(value)
            kept = {k: put_aside(v) for k, v in held.items() if isinstance(v, (*PLAIN, *CONTAINERS)) or (isinstance(v, Tensor) and v.grad_fn is None)}
            yield held, kept


def rebound_by_functions(values: Iterable[Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The global variables that the user's functions assign, such as `global hidden` in a `train_step`."""
    for value in values:
        if type(value) is FunctionType and (names := globals_assigned(value.__code__)):
            held = value.__globals__
            yield held, {name: put_aside(held[name]) for name in names if name in held}


@functools.lru_cache(maxsize=1024)
def globals_assigned(code: CodeType) -> frozenset[str]:
    """Of the user's own code; of anybody else's none."""
    if not is_users(code):
        return frozenset()
    inner = (globals_assigned(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(step.argval for step in dis.get_instructions(code) if step.opname == "STORE_GLOBAL").union(*inner)


def is_holder(value: Any) -> bool:
    """Whether this is an object of a class of the user's, whose attributes a loop may change."""
    return _is_users_class(type(value)) and hasattr(value, "__dict__")


@functools.lru_cache(maxsize=1024)
def _is_users_class(kind: type) -> bool:
    if issubclass(kind, (*NOT_HOLDERS, Tensor, type)):
        return False
    return any(is_users(f.__code__) for owner in kind.__mro__ for f in vars(owner).values() if isinstance(f, FunctionType))
