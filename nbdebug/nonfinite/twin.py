"""An optimizer copied together with its parameters, gradients and state, so that a step can be tried; and a listener for its operators."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from nbdebug.nonfinite.finite import has_nonfinite
from nbdebug.nonfinite.origin import Values
from nbdebug.nonfinite.trace.operators import Given, given, operator, outputs
from nbdebug.nonfinite.values import has_bad, kind, measured
from nbdebug.source_lines import SourceLine, users_line

NOT_COPIED = ("step", "zero_grad")  # a scheduler puts a step of its own over the class's, bound to the original
ONE_BY_ONE = ("foreach", "fused", "capturable")  # switched off: an operator then belongs to one parameter


class Twin:
    """A copy that steps like its original."""

    def __init__(self, optimizer: Optimizer, double: bool) -> None:
        memo: dict[int, Any] = {}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                memo[id(parameter)] = _copied(parameter, double)
        kept = {k: v for k, v in vars(optimizer).items() if k not in NOT_COPIED and not k.endswith("_hooks")}
        hooks = {k: OrderedDict() for k in vars(optimizer) if k.endswith("_hooks")}
        self.optimizer = object.__new__(type(optimizer))
        vars(self.optimizer).update(copy.deepcopy(kept, memo), **hooks)
        for group in self.optimizer.param_groups:
            group.update({key: False for key in ONE_BY_ONE if group.get(key)} | ({"foreach": False} if "foreach" in group else {}))
        if double:
            _widen(self.optimizer.state)

    @classmethod
    def of(cls, optimizer: Optimizer, *, double: bool = False) -> Twin | None:
        """The copy; None when this optimizer cannot be copied, or steps only with a closure."""
        if type(optimizer).__name__ == "LBFGS":
            return None
        try:
            return cls(optimizer, double)
        except Exception:  # a class of the user's that holds an open file, say
            return None

    def step(self) -> None:
        with torch.no_grad():
            self.optimizer.step()

    def set(self, group: int, key: str, value: Any) -> None:
        self.optimizer.param_groups[group][key] = value

    def forget(self) -> None:
        self.optimizer.state.clear()

    def bad(self) -> list[tuple[int, int]]:
        """(group, place in it) of the parameters of which the values or a state are not finite."""
        return [(g, i) for g, i, p in self._parameters() if has_nonfinite(p) or self.bad_states(g, i)]

    def bad_states(self, group: int, index: int) -> list[str]:
        parameter = self.optimizer.param_groups[group]["params"][index]
        return [key for key, t in moments(parameter, self.optimizer.state.get(parameter)) if is_ruined(self.optimizer, t)]

    def became(self, group: int, index: int) -> str:
        parameter = self.optimizer.param_groups[group]["params"][index]
        states = self.bad_states(group, index)
        return kind(parameter) or (kind(self.optimizer.state[parameter][states[0]]) if states else "")

    def names(self) -> dict[int, str]:
        """Address of a tensor → what the reader calls it."""
        found = {}
        for _, _, parameter in self._parameters():
            state = self.optimizer.state.get(parameter)
            for key, tensor in state.items() if isinstance(state, dict) else ():
                if isinstance(tensor, Tensor) and tensor.ndim:
                    found[tensor.data_ptr()] = str(key)
            found[parameter.data_ptr()] = "weight"
            if parameter.grad is not None and parameter.grad.layout == torch.strided:
                found[parameter.grad.data_ptr()] = "gradient"
        return found

    def _parameters(self) -> Iterator[tuple[int, int, Tensor]]:
        for g, group in enumerate(self.optimizer.param_groups):
            for i, parameter in enumerate(group["params"]):
                yield g, i, parameter


def moments(parameter: Any, state: Any) -> Iterator[tuple[str, Tensor]]:
    """What an optimizer keeps for a parameter in the parameter's own shape. Single numbers may begin at infinity."""
    if isinstance(parameter, Tensor) and isinstance(state, dict):
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.is_floating_point():
                yield str(key), value


def is_ruined(optimizer: Optimizer, state: Tensor) -> bool:
    """Whether a state is of no use any more. An optimizer of the user's own may keep extremes that begin at infinity."""
    torchs = type(optimizer).__module__.startswith("torch.optim")
    return has_nonfinite(state) if torchs else bool(state.isnan().any())


class FirstBad(TorchDispatchMode):
    """Notes the first operator of a twin's step that makes something bad of what was finite."""

    def __init__(self, twin: Twin) -> None:
        super().__init__()
        self._twin = twin
        self.operator, self.became = "", ""
        self.inputs: tuple[Values, ...] = ()
        self.output: Values | None = None
        self.line: SourceLine | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        op = operator(func)
        if self.operator or op.unwritten:
            return func(*args, **kwargs)
        held = given(op, args, kwargs)
        sound = bool(held) and not any(has_bad(g.tensor) for g in held)
        before = tuple(measured("", g.tensor) for g in held) if sound and op.writes else ()
        out = func(*args, **kwargs)
        bad = next((t for t in outputs(out) if has_bad(t)), None) if sound else None
        if bad is not None:
            values = before or tuple(measured("", g.tensor) for g in held)
            names = self._twin.names()
            self.inputs = tuple(replace(v, name=_named(names, n, g)) for n, (v, g) in enumerate(zip(values, held, strict=True), 1))
            self.operator, self.became, self.output, self.line = str(func), kind(bad), measured("output", bad), users_line()
        return out


def _named(names: dict[int, str], number: int, argument: Given) -> str:
    known = names.get(argument.tensor.data_ptr(), "")
    return known or ("input" if argument.name in ("self", "input") else f"argument {number}")


def _copied(parameter: Tensor, double: bool) -> Tensor:
    values = parameter.detach().clone()
    twin = (_wide(values) if double else values).requires_grad_(parameter.requires_grad)
    if parameter.grad is not None:
        gradient = parameter.grad.detach().clone()
        twin.grad = _wide(gradient) if double else gradient
    return twin


def _widen(state: Any) -> None:
    for held in state.values():
        if isinstance(held, dict):
            held.update({k: _wide(v) for k, v in held.items() if isinstance(v, Tensor)})


def _wide(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor
