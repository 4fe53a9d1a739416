"""The modules of a root model that are heard, and what is known of each."""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable
from typing import Any

from torch import nn

from nbdebug.instruments.watch.numbers.links import link_of, tells_back
from nbdebug.instruments.watch.numbers.names import ROOT, heard_modules
from nbdebug.instruments.watch.numbers.units import responds_between
from nbdebug.instruments.watch.numbers.values import SAMPLE

CALLS = 8  # of a module that is called many times a step so many are sampled, evenly; NaN and Inf are looked for in all
CHANNELS_FIRST = (
    nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm,
)  # fmt: skip
UNITS_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention, nn.Bilinear)


class Hook(functools.partial):
    """Hears a module. In a copy that a running forward pass makes of it, nothing is left that hears."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Callable[..., None]:
        layers, site = self.func.__self__, self.args[0]
        if (twin := memo.get(id(site.module()))) is not None:
            layers.copies.append(weakref.ref(twin))
        return _NOTHING

    def __reduce__(self) -> Any:
        return getattr, (contextlib.nullcontext(), "__exit__")  # to be read where there is no nbdebug


_NOTHING = contextlib.nullcontext().__exit__  # takes anything and returns None


class Site:
    """A module of a root, and what is noted of it."""

    __slots__ = (
        "module", "name", "kind", "output", "gradient", "calls", "usual", "between", "channels_first", "has_units", "turn", "at_once", "hook",
        "link", "tells_back", "in_vain",
    )  # fmt: skip

    def __init__(self, module: nn.Module, name: str, turn: int, at_once: bool, hook: Callable[..., None]) -> None:
        self.module, self.name, self.kind = weakref.ref(module), name, type(module).__name__
        self.output = self.gradient = -1  # rows in the histories
        self.calls = 0  # in this step
        self.usual = 1  # calls in the step before
        self.between = responds_between(module)
        self.channels_first = True if isinstance(module, CHANNELS_FIRST) else False if isinstance(module, UNITS_LAST) else None
        self.has_units = self.between is not None or self.channels_first is not None
        self.turn = turn
        self.in_vain = 0  # times that it was asked for units of F.relu in its input, and had none
        self.link, self.tells_back = link_of(module), tells_back(module)
        self.at_once = at_once  # its output is changed in place before it could be looked at later
        self.hook = Hook(hook, self)


class Root:
    """A model, its sites, and the children they were found by."""

    def __init__(self, model: nn.Module, prefix: str) -> None:
        self.model, self.prefix = weakref.ref(model), prefix
        self.learnt = False  # it is known which of its layers write to each other's outputs
        self.steady = False  # none does, and these are small
        self.little = False  # so small that they are looked at together with their gradients
        self.differentiates = False  # a gradient came within its forward pass
        self._sites: dict[int, Site] = {}
        self._found: list[tuple[nn.Module, Site]] = []
        self._children: list[tuple[dict[str, Any], list[Any]]] = []

    def sites(self, hook: Callable[..., None]) -> list[tuple[nn.Module, Site]]:
        """Looks again when layers were added, taken away or exchanged."""
        if not self._found or any(list(now.values()) != then for now, then in self._children):
            self._find(hook)
        return self._found

    def known(self) -> list[Site]:
        return list(self._sites.values())

    def release(self) -> None:
        self._found, self._children = [], []

    def _find(self, hook: Callable[..., None]) -> None:
        model = self.model()
        assert model is not None
        modules = list(model.modules())
        self._children = [(module._modules, list(module._modules.values())) for module in modules if module._modules]
        self.learnt = self.steady = self.little = self.differentiates = False
        writes = any(getattr(module, "inplace", False) for module in modules)
        old, self._sites, self._found = self._sites, {}, []
        for turn, (path, module) in enumerate(heard_modules(model)):
            site = old.get(id(module))
            if site is None or site.module() is not module:
                site = Site(module, self.prefix + (path or ROOT), turn, writes, hook)
            self._sites[id(module)] = site
            self._found.append((module, site))


def size_of(site: Site) -> int:
    """How much of this call is sampled, that all calls of the step together are not much more than one."""
    if site.usual == 1:  # of most
        return SAMPLE if site.calls < CALLS else 0
    apart = -(-site.usual // CALLS)
    return 0 if site.calls % apart else max(1, SAMPLE // min(site.usual, CALLS))
