"""Autograd's boundary, held fast: what backward takes for a constant stays one while the loss is measured again.

`detach()`, `.data`, `.item()`, a comparison, `argmax`, all that is computed under `no_grad`: their values are written down in the
base pass and given again, in the same order, in every other pass. So a difference of two losses follows only the paths that
backward follows. A write that autograd does not see (`w.data.clamp_()`) is a constant that is added. And all is kept in double
precision: a cast to single in the forward becomes one to double.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from nbdebug.instruments.gradcheck.calls import (
    ADDS,
    NARROW,
    QUANTISES,
    address_of,
    argument,
    is_in_place,
    name_of,
    small_enough,
    tensors_of,
    widened,
)
from nbdebug.source_lines import SourceLine, users_line

TO_PYTHON = frozenset("item tolist __bool__ __float__ __int__ __complex__ __index__ equal allclose is_nonzero".split())
RENORMALISES = {"embedding": 3, "embedding_bag": 3}  # functions that may write to their weights → position of max_norm
UNNAMED = {"data": ".data", "tensor": "torch.tensor()"}  # boundaries that are no method; the others are said as a call


@dataclass(frozen=True)
class Cut:
    """A place in the user's code where differentiation stops."""

    what: str  # such as detach()
    line: SourceLine | None


@dataclass
class Record:
    """What the base pass wrote down."""

    values: list[Any] = field(default_factory=list)  # held values, in the order of the calls
    cuts: dict[int, Cut] = field(default_factory=dict)  # position among the held values → where it was taken out of the graph
    writes: bool = False  # whether something was written behind autograd's back
    written: dict[int, SourceLine | None] = field(default_factory=dict)  # address of a storage → line of the hidden write
    narrow: SourceLine | None = None  # the first line that works on a differentiated value in single precision
    is_narrow: bool = False
    lost: SourceLine | None = None  # a line that stops gradients where its values cannot be held
    is_lost: bool = False


class Held(TorchFunctionMode):
    """`Held(record, recording=True)` writes down, `Held(record)` gives again; `Held(None)` only widens.

    Args:
        wide: whether to compute in double precision.
        released: held values of these places are not given again: the loss may follow the weights through them.
        on_hook: called with each function that the forward registers as a hook of a tensor; gives what is registered instead.
    """

    def __init__(
        self, record: Record | None, *, recording: bool = False, wide: bool = True, released: frozenset[Cut] = frozenset(),
        on_hook: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.record, self.recording, self.wide, self.on_hook = record, recording, wide, on_hook
        self.released = released
        self.inside = 0  # depth of running forwards of autograd Functions, where nothing is differentiated
        self.strayed = False  # whether this pass went another way than the base pass
        self._next = 0
        self._graded = True  # the grad mode as Python code set it; a Function's forward is switched off below Python
        self._twins: dict[int, tuple[Tensor, Tensor, Tensor]] = {}  # storage → real memory, its twin, the twin as it was
        self._shadowed: set[int] = set()  # storages that have an alias which autograd does not know

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch._C._set_grad_enabled:
            self._graded = bool(args[0])
            return func(*args)
        name = name_of(func)
        if self.wide:
            if self.recording and not self.record.is_narrow and any(t.requires_grad and t.dtype in NARROW for t in tensors_of(args)):
                self.record.is_narrow, self.record.narrow = True, users_line(depth=2)
            func, args, kwargs = widened(func, name, args, kwargs)
            if name in ADDS and any(t.requires_grad for t in tensors_of(args)):
                args = small_enough(args)
        if name == "register_hook" and self.on_hook is not None and len(args) > 1:
            return func(args[0], self.on_hook(args[1]))
        if self.record is None or not self._outside(name):
            return func(*args, **kwargs)
        return self._held(func, name, args, kwargs)

    def _outside(self, name: str) -> bool:
        """Whether this is code that autograd follows, or that the user kept from it; not the forward of a Function."""
        if self.inside:
            return False
        if torch._C._are_functorch_transforms_active():  # tensors in there are none outside
            if name in ("detach", "data") and not self.record.is_lost:
                self.record.is_lost, self.record.lost = True, users_line(depth=3)
            return False
        if torch.is_grad_enabled():
            self._graded = True
        return torch.is_grad_enabled() or not self._graded or torch.is_inference_mode_enabled()

    def _held(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = tensors_of(args) + tensors_of(kwargs.values()) if kwargs else tensors_of(args)
        if name == "data" and len(args) == 2:
            return self._rebound(args[0], args[1])
        if is_in_place(name):
            return self._written(func, name, args, kwargs, given)
        if not any(t.requires_grad for t in given):
            return func(*args, **kwargs)
        if name in RENORMALISES and _max_norm(name, args, kwargs) is not None:
            return self._renormalised(func, name, args, kwargs)
        if func is F.gumbel_softmax and argument(args, kwargs, 2, "hard", False):
            return self._hard_gumbel(args, kwargs)
        if name in QUANTISES and isinstance(args[0], Tensor) and args[0].requires_grad:
            return self._quantised(func, args, kwargs)
        output = func(*args, **kwargs)
        if func is F.embedding and argument(args, kwargs, 2, "padding_idx") is not None:
            return self._padded(args, kwargs, output)
        if name in TO_PYTHON:
            return self._again(output, name)
        if isinstance(output, Tensor):
            return self._boundary(output, given, name)
        if isinstance(output, (tuple, list)) and any(isinstance(o, Tensor) and not o.requires_grad for o in output):
            members = [self._boundary(o, given, name) if isinstance(o, Tensor) else o for o in output]
            return type(output)(members) if not hasattr(output, "_fields") else type(output)(*members)
        return output

    def _boundary(self, output: Tensor, given: list[Tensor], name: str = "") -> Tensor:
        if output.requires_grad:
            return output
        address = address_of(output)
        is_alias = address is not None and any(address_of(t) == address for t in given)
        if self.recording:
            if is_alias:
                self._shadowed.add(address)
            self._note(output.detach().clone(), name)
            return output
        if self._is_released():
            return output
        held = self._recall(output)
        if held is None:
            return output
        twin = held.clone()
        if is_alias and (place := address_of(twin)) is not None:
            self._twins[place] = output, twin, twin.clone()
        return twin

    # -- writes that autograd does not see ---------------------------------------------------------------------

    def _written(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], given: list[Tensor]) -> Any:
        targets = list(tensors_of(args[:1]))
        hidden = not torch.is_grad_enabled() and any(t.requires_grad for t in given)
        if self.recording:
            return self._record_write(func, name, args, kwargs, targets, hidden)
        if hidden and any(t.requires_grad for t in targets):
            for target in targets:
                self._add(target)
            return args[0]
        output = func(*args, **kwargs)
        for target in targets:
            if hidden and not self._is_released() and (held := self._recall(target)) is not None:
                target.copy_(held)
            self._pass_on(target)
        return output

    def _record_write(
        self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], targets: list[Tensor], hidden: bool
    ) -> Any:
        for target in targets:
            if (address := address_of(target)) in self._shadowed and not target.requires_grad:
                self.record.writes = True
                self.record.written.setdefault(address, users_line(depth=5))
        if not hidden:
            return func(*args, **kwargs)
        adds = any(t.requires_grad for t in targets)
        before = [t.detach().clone() for t in targets] if adds else []
        output = func(*args, **kwargs)
        self.record.writes = self.record.writes or adds
        for position, target in enumerate(targets):
            if adds:
                self._note(_change(before[position], target.detach()))
            else:
                self._note(target.detach().clone(), name)
        return output

    def _pass_on(self, target: Tensor) -> None:
        """What was written to a twin is written to the memory that it stands for, as a change."""
        found = self._twins.get(address_of(target) or 0)
        if found is None:
            return
        real, twin, before = found
        with torch.no_grad():
            if twin.is_floating_point() or twin.is_complex():
                real.detach().add_(twin - before)
            else:
                real.detach().copy_(twin)
            before.copy_(twin)

    def _rebound(self, tensor: Tensor, new: Tensor) -> None:
        """`w.data = …`: the difference is a constant."""
        fits = tensor.shape == new.shape and tensor.dtype == new.dtype
        if self.recording:
            self.record.writes = True
            self._note(_change(tensor.detach(), new.detach()) if fits else new.detach().clone())
            tensor.data = new
        elif (held := self._recall(new)) is not None:
            tensor.data = tensor.detach() + held if fits and tensor.is_floating_point() else held.clone()

    def _renormalised(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An embedding with `max_norm` shortens its rows in place before it looks them up."""
        weight = argument(args, kwargs, 1, "weight")
        padded = func is F.embedding and argument(args, kwargs, 2, "padding_idx") is not None
        if self.recording:
            before = weight.detach().clone()
            output = func(*args, **kwargs)
            self.record.writes = True
            self._note(_change(before, weight.detach()))
            return self._padded(args, kwargs, output) if padded else output
        self._add(weight)
        place = RENORMALISES[name]
        args = tuple(None if position == place else a for position, a in enumerate(args))
        kwargs = {key: None if key == "max_norm" else value for key, value in kwargs.items()}
        output = func(*args, **kwargs)
        return self._padded(args, kwargs, output) if padded else output

    def _padded(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> Tensor:
        """The row of the padding index gets no gradient, by contract: where it is looked up, it is held."""
        if self.recording:
            self._note(output.detach().clone())
            return output
        held = self._recall(output)
        weight, padding = argument(args, kwargs, 1, "weight"), argument(args, kwargs, 2, "padding_idx")
        is_padding = (args[0] == padding % weight.shape[0]).unsqueeze(-1)
        return output if held is None else torch.where(is_padding, held, output)

    def _hard_gumbel(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """Its one-hot is a straight-through estimator inside one function: the step from soft to hard is held."""
        dim = argument(args, kwargs, 4, "dim", -1)
        soft = F.gumbel_softmax(args[0], tau=argument(args, kwargs, 1, "tau", 1.0), hard=False, dim=dim)
        hard = torch.zeros_like(soft).scatter_(dim, soft.argmax(dim, keepdim=True), 1.0)
        return soft + self._boundary((hard - soft).detach(), [])

    def _quantised(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """torch's own straight-through estimators: the step to the nearest level is held, where a gradient passes; else all of it."""
        output = func(*args, **kwargs)
        if self.recording:
            leaf = args[0].detach().requires_grad_()
            (passes,) = torch.autograd.grad(func(leaf, *args[1:], **kwargs).sum(), leaf)
            self._note(passes)
            self._note(output.detach().to(leaf.dtype) - passes * leaf.detach())
            return output.to(leaf.dtype)
        passes, rest = self._recall(args[0]), self._recall(args[0])
        return output if passes is None or rest is None else passes * args[0] + rest

    # -- the record ----------------------------------------------------------------------------------------------

    def _note(self, value: Any, name: str = "") -> None:
        if name:
            self.record.cuts[len(self.record.values)] = Cut(_said(name), users_line(depth=5))
        self.record.values.append(value)

    def _is_released(self) -> bool:
        """Whether the next held value is left out; then it is passed over."""
        released = self.record.cuts.get(self._next) in self.released
        self._next += released
        return released

    def _recall(self, like: Tensor) -> Tensor | None:
        """The next held value; None when this pass no longer goes the way of the base pass."""
        held = self.record.values[self._next] if self._next < len(self.record.values) else None
        self._next += 1
        if not isinstance(held, Tensor) or held.shape != like.shape or held.dtype != like.dtype:
            self.strayed = True
            return None
        return held

    def _again(self, value: Any, name: str) -> Any:
        """A plain value that left torch: that of the base pass."""
        if self.recording:
            self._note(value, name)
            return value
        if self._is_released():
            return value
        held = self.record.values[self._next] if self._next < len(self.record.values) else None
        self._next += 1
        if type(held) is not type(value):
            self.strayed = True
            return value
        return held

    def _add(self, target: Tensor) -> None:
        held = self._recall(target)
        if held is not None:
            with torch.no_grad():
                target.add_(held) if held.is_floating_point() or held.is_complex() else target.copy_(held)


def _said(name: str) -> str:
    """What takes a value out of the graph: the call, or the block around it."""
    if name in UNNAMED or name == "detach" or torch.is_grad_enabled():
        return UNNAMED.get(name, f"{name.strip('_')}()")
    return "torch.inference_mode()" if torch.is_inference_mode_enabled() else "torch.no_grad()"


def _change(before: Tensor, after: Tensor) -> Tensor:
    return (after - before) if after.is_floating_point() or after.is_complex() else after.clone()


def _max_norm(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return argument(args, kwargs, RENORMALISES[name], "max_norm") if torch.is_tensor(argument(args, kwargs, 1, "weight")) else None
