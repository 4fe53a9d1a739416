"""What comes out of every layer, and which units of every non-linearity ever respond, heard during a forward pass.

Light: numbers are reduced as they pass and no activation is kept. Module calls and functional calls are heard alike.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nbdebug.batch import prediction, tensors
from nbdebug.findings import Location
from nbdebug.instruments.activations.names import (
    CARRIES,
    HEARD,
    MULTIPLIES,
    RECTIFIERS,
    SQUASHERS,
    UNITS_LAST,
    UNITS_SECOND,
)
from nbdebug.listening import attached, module_paths
from nbdebug.source_lines import location_fields, users_line
from nbdebug.tensor_stats import TensorStats, combined, measure

LARGEST_SAMPLE = 1 << 18  # elements of one output that the statistics look at; beyond that, the first samples only

FLAT = 1e-3  # a slope below lets less than a thousandth of the gradient through: sigmoid beyond ±7, tanh beyond ±4

Site = tuple[str, int]  # module path, and which call of a non-linearity in that module


@dataclass
class Units:
    """One call site of a non-linearity, over all batches heard."""

    function: str
    location: Location
    steepest: Tensor  # (units,) the largest |slope| that any sample met
    driven: Tensor  # (units,) whether anything but exact zeros ever went in
    matrices_before: int  # how many weight matrices were used before it
    seen: int = 0  # samples times positions
    level: float = 0.0  # how many of them, times units, met a slope under FLAT
    gate: bool = False  # its output multiplies another tensor
    read_on: bool = False  # a later layer reads its output


@dataclass
class Listener:
    """Use as `with listener: loss = setup.loss(batch)`, once per batch; what is heard adds up."""

    model: nn.Module
    layers: dict[str, tuple[str, TensorStats]] = field(default_factory=dict)  # name → kind, statistics
    sites: dict[Site, Units] = field(default_factory=dict)
    matrices: list[str] = field(default_factory=list)  # parameters with units, in forward order of first use
    reconstructs: bool = False  # the model returns a tensor of the shape of its floating input

    def __post_init__(self) -> None:
        self._paths = module_paths(self.model)
        self._names = {id(p): name for name, p in self.model.named_parameters()}

    def __enter__(self) -> Listener:
        self._running: list[list[Any]] = []  # [path, whether a module was called inside]
        self._counts: Counter[str] = Counter()
        self._unit_dims: dict[torch.Size, int] = {}
        self._carried: dict[int, set[Site]] = {}  # id of a tensor → non-linearities whose output it is
        self.measuring = False
        self._alive: list[Tensor] = []  # so that no id is used twice
        self._attached = attached(_Mode(self), self._enter_module, self._leave_module)
        return self

    def __exit__(self, *error: Any) -> None:
        self._attached.close()
        self._alive.clear()
        self._carried.clear()

    # -- modules ------------------------------------------------------------------------------------------------

    def _enter_module(self, module: nn.Module, args: Any) -> None:
        if self._running:
            self._running[-1][1] = True
        self._running.append([self._paths.get(id(module)), False])

    def _leave_module(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        path, called_another = self._running.pop() if self._running else (None, True)
        if module is self.model:
            self._compare_shapes(args, output)
        result = next((t for _, t in tensors(output) if _is_readable(t)), None)
        if path is not None and not called_another and result is not None:
            self._add(path or "(the model itself)", type(module).__name__, result)

    def _compare_shapes(self, args: Any, output: Any) -> None:
        given = next((t for _, t in tensors(args)), None)
        returned = prediction(output)
        if given is not None and returned is not None and given.is_floating_point():
            self.reconstructs = given.shape == returned.shape

    def _add(self, name: str, kind: str, output: Tensor) -> None:
        self.measuring = True  # what we call ourselves is not the model's
        stats = measure(_first_samples(output))
        self.measuring = False
        if name in self.layers:
            stats = combined([self.layers[name][1], stats])
        self.layers[name] = (kind, stats)

    # -- functions ----------------------------------------------------------------------------------------------

    def _before(self, func: Any, name: str, args: Any, kwargs: Any) -> tuple[Site, Tensor, Tensor] | None:
        """The slopes of a non-linearity, taken before an in-place one overwrites its input."""
        given = args[0] if args else kwargs.get("input")
        if not (name in RECTIFIERS or name in SQUASHERS) or not self._running or not _is_readable(given):
            return None
        path = next((path for path, _ in reversed(self._running) if path is not None), "")
        site = (path, self._counts[path])
        self._counts[path] += 1
        dim = self._unit_dims.get(given.shape)
        if dim is None:
            return None
        given = given.detach()
        others = tuple(d for d in range(given.ndim) if d != dim % given.ndim)
        highest, lowest = (given.amax(others), given.amin(others)) if others else (given, given)
        self._level = 0.0
        if name in ("relu", "relu_"):
            steepest = (~(highest <= 0)).to(given.dtype)  # NaN is another trouble
        else:
            slopes = _slopes(func, given, args[1:], {k: v for k, v in kwargs.items() if k != "input"})
            steepest = slopes.amax(others) if others else slopes
            self._level = float((slopes < FLAT).sum()) if name in SQUASHERS else 0.0
        return site, steepest, (highest != 0) | (lowest != 0)

    def _after(self, name: str, args: Any, kwargs: Any, output: Any, units: tuple[Site, Tensor, Tensor] | None) -> None:
        result = next((t for _, t in tensors(output)), None)
        if result is None:
            return
        given = [t for _, t in tensors((args, kwargs))]
        carried = set().union(*(self._carried.get(id(t), set()) for t in given))
        if name in UNITS_LAST or name in UNITS_SECOND:
            self._hear_layer(name, given, result, carried)
        elif name in MULTIPLIES and sum(t.ndim > 0 and not isinstance(t, nn.Parameter) for t in given) > 1:
            for site in carried:
                self.sites[site].gate = True
        elif name in CARRIES and carried:
            self._carry(output, carried)
        if units is not None:
            self._hear_units(name, result, *units)
            self._carry(output, {units[0]})

    def _carry(self, output: Any, sites: set[Site]) -> None:
        for _, tensor in tensors(output):
            self._carried[id(tensor)] = sites
            self._alive.append(tensor)

    def _hear_layer(self, name: str, given: list[Tensor], result: Tensor, carried: set[Site]) -> None:
        for site in carried:
            self.sites[site].read_on = True
        owned = [self._names.get(id(t)) for t in given if isinstance(t, nn.Parameter)]
        if owned or name.endswith("_norm"):
            self._unit_dims[result.shape] = 1 if name in UNITS_SECOND else -1
        for parameter, t in ((self._names.get(id(t)), t) for t in given):
            if parameter is not None and t.ndim >= 2 and parameter not in self.matrices:
                self.matrices.append(parameter)

    def _hear_units(self, name: str, result: Tensor, site: Site, steepest: Tensor, driven: Tensor) -> None:
        path, number = site
        if site not in self.sites:
            place = Location(module=path, operator=f"torch.nn.functional.{name}", **location_fields(users_line(depth=3)))
            self.sites[site] = Units(name, place, steepest, driven, len(self.matrices))
        units = self.sites[site]
        if units.steepest.shape == steepest.shape:
            units.steepest = torch.maximum(units.steepest, steepest)
            units.driven = units.driven | driven
            units.seen += result.numel() // max(1, steepest.numel())
            units.level += self._level
        if any(called for p, called in self._running if p == path):  # a function of a module that is no layer itself
            which = f" {number + 1}" if number else ""
            self._add(f"{path or '(the model itself)'} · {name}{which}", "function", result)


class _Mode(TorchFunctionMode):
    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self.listener = listener

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name not in HEARD or self.listener.measuring:
            return func(*args, **kwargs)
        units = self.listener._before(func, name, args, kwargs)
        output = func(*args, **kwargs)
        self.listener._after(name, args, kwargs, output, units)
        return output


def _slopes(func: Any, given: Tensor, rest: Any, options: Any) -> Tensor:
    """|derivative| of a non-linearity at every element, by autograd."""
    with torch.enable_grad(), torch.autocast(given.device.type, enabled=False):
        leaf = given.float().requires_grad_()
        output = func(leaf.clone(), *rest, **options)  # a clone, since an in-place function may not write to a leaf
        return torch.autograd.grad(output.sum(), leaf)[0].abs()


def _is_readable(tensor: Any) -> bool:
    return (
        isinstance(tensor, Tensor)
        and tensor.is_floating_point()
        and tensor.layout == torch.strided
        and not tensor.is_nested
        and not tensor.is_meta
        and tensor.ndim > 0
        and tensor.numel() > 0
    )


def _first_samples(output: Tensor) -> Tensor:
    if output.numel() <= LARGEST_SAMPLE:
        return output
    per_sample = output.numel() // output.shape[0]
    return output[: max(1, LARGEST_SAMPLE // per_sample)]
