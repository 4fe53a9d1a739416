"""A model written down: torch's layers by their constructors, the user's own by what they hold, without running their `__init__`."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.instruments.overfit.written.definitions import CannotWrite, Definitions
from nbdebug.instruments.overfit.written.numbers import SMALL, numbers_of

INTERNALS = frozenset(vars(nn.Module())) - {"training"} | {"training"}  # what every module has
MADE_BY = {nn.Sequential: ("", "nn.Sequential({})"), nn.ModuleList: ("[", "nn.ModuleList([{}])")}


class Rebuilt:
    """The statements that make a module again; `lines` grows with every one that is asked for."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions, self.lines = definitions, []
        self._names: dict[int, str] = {}

    def module(self, module: nn.Module, name: str = "") -> str:
        """An expression for the module.

        Raises:
            CannotWrite: it holds something that has no text.
        """
        if id(module) in self._names:
            return self._names[id(module)]
        written = self._by_constructor(module) if not name or type(module).__module__.startswith("torch.") else None
        if written is None:
            return self._by_content(module, name)
        if name:
            self.lines.append(f"{name} = {written}")
            self._names[id(module)] = name
        return name or written

    def _by_constructor(self, module: nn.Module) -> str | None:
        """`nn.Linear(64, 10)`; None where its constructor does not say all."""
        kind = type(module)
        if kind in MADE_BY and list(module._modules) == [str(i) for i in range(len(module._modules))]:
            return MADE_BY[kind][1].format(", ".join(self.module(child) for child in module._modules.values()))
        if not kind.__module__.startswith("torch.nn") or getattr(nn, kind.__name__, None) is not kind:
            return None
        given = _given(module)
        if given is None or not _is_like(module, given):
            return None
        options = _shortest(kind, given)
        return f"nn.{kind.__name__}({', '.join(self._option(n, v, by_name) for n, v, by_name in options)})"

    def _option(self, name: str, value: Any, by_name: bool) -> str:
        written = numbers_of(value) if isinstance(value, Tensor) else self.definitions.value(value)
        return f"{name}={written}" if by_name else written

    def _by_content(self, module: nn.Module, name: str) -> str:
        """A blank module of its class, filled with what this one holds."""
        kind = self.definitions.name_of(type(module))
        name = name or f"part{len(self._names) + 1}"
        self._names[id(module)] = name
        self.lines.append(f"{name} = blank({kind})")
        for key, value in vars(module).items():
            if key not in INTERNALS:
                self.lines.append(f"{name}.{key} = {self._attribute(module, key, value)}")
        for key, parameter in module._parameters.items():
            made = "None" if parameter is None else f"nn.Parameter({_drawn(parameter)})"
            self.lines.append(f'{name}.register_parameter("{key}", {made})')
        for key, buffer in module._buffers.items():
            self.lines.append(f'{name}.register_buffer("{key}", {"None" if buffer is None else numbers_of(buffer)})')
        for key, child in module._modules.items():
            self.lines.append(f'{name}.add_module("{key}", {"None" if child is None else self.module(child)})')
        return name

    def _attribute(self, module: nn.Module, key: str, value: Any) -> str:
        try:
            if isinstance(value, nn.Module):
                return self.module(value)
            return numbers_of(value) if isinstance(value, Tensor) else self.definitions.value(value)
        except CannotWrite as error:
            raise CannotWrite(f"{type(module).__name__}.{key} is {error}") from error


def _given(module: nn.Module) -> dict[str, Any] | None:
    """The arguments of its constructor, as its attributes tell them."""
    given: dict[str, Any] = {}
    for name, parameter in _constructor(type(module)).items():
        if name in ("self", "mode", "device", "dtype", "size_average", "reduce") or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = getattr(module, name, getattr(module, f"_{name}", parameter.default))
        if value is parameter.empty:
            return None
        given[name] = value is not None if name == "bias" and not isinstance(value, bool) else value
    return given


def _constructor(kind: type) -> dict[str, inspect.Parameter]:
    """The parameters of its constructor, which in an LSTM stand in a class below it; none of a Tanh, which has no constructor of its own."""
    signatures = (inspect.signature(base.__init__).parameters for base in kind.__mro__)
    return next((dict(found) for found in signatures if not any(p.kind is p.VAR_POSITIONAL for p in found.values())), {})


def _is_like(module: nn.Module, given: dict[str, Any]) -> bool:
    """Whether the constructor, given these, makes one with the same layers and shapes."""
    try:
        new = type(module)(**given)
    except Exception:  # another torch, another signature
        return False
    shapes = [{n: t.shape for n, t in m.state_dict().items()} for m in (new, module)]
    return shapes[0] == shapes[1] and repr(new) == repr(module)


def _shortest(kind: type, given: dict[str, Any]) -> list[tuple[str, Any, bool]]:
    """(name, value, by name): what has no default, and what differs from it."""
    known = _constructor(kind)
    by_name = set(inspect.signature(kind.__init__).parameters) != set(known)  # its positions are another class's
    needed = [(name, value, by_name) for name, value in given.items() if known[name].default is inspect.Parameter.empty]
    return needed + [(n, v, True) for n, v in given.items() if known[n].default is not inspect.Parameter.empty and not _same(v, known[n].default)]


def _same(value: Any, default: Any) -> bool:
    return value is default or (not isinstance(value, Tensor) and type(value) is type(default) and value == default)


def _drawn(parameter: Tensor) -> str:
    """As large as it is; the numbers themselves are loaded afterwards where they are few."""
    values = parameter.detach().float()
    shape = list(parameter.shape)
    if parameter.numel() <= SMALL or float(values.std()) == 0:
        return f"torch.full({shape}, {float(values.mean()) if parameter.numel() else 0.0!r})"
    return f"torch.randn({shape}) * {float(values.std()):.3g} + {float(values.mean()):.3g}"


def weights_of(model: nn.Module) -> list[Tensor]:
    """Everything that a script must load to have the same weights, in the order of `state_dict`."""
    return [t.detach() for t in model.state_dict().values() if isinstance(t, torch.Tensor)]
