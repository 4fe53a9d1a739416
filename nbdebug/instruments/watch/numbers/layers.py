"""Hears every layer of a model during one forward pass, and the gradients that come back to their outputs."""

from __future__ import annotations

import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import tensors
from nbdebug.instruments.watch.numbers.histories import Histories
from nbdebug.instruments.watch.numbers.names import ROOT, heard_modules
from nbdebug.instruments.watch.numbers.sampler import BACKWARD, SAMPLE, LeftOut, Sampler
from nbdebug.instruments.watch.numbers.units import Responses, UnitsSeen, responds_between

CALLS = 8  # of a module that is called many times a step so many are sampled, evenly; NaN and Inf are looked for in all
CHANNELS_FIRST = (
    nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm,
)  # fmt: skip
UNITS_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention, nn.Bilinear)
HOOK = "nbdebug"  # the key of ours among a module's or a tensor's hooks: theirs are numbers


class Site:
    """A module of a root, and what is noted of it."""

    __slots__ = (
        "module", "name", "kind", "output", "gradient", "calls", "usual", "between", "channels_first", "turn", "at_once", "hook",
    )  # fmt: skip

    def __init__(self, module: nn.Module, name: str, turn: int, at_once: bool, layers: Layers) -> None:
        self.module, self.name, self.kind = weakref.ref(module), name, type(module).__name__
        self.output = self.gradient = -1  # rows in the histories
        self.calls = 0  # in this step
        self.usual = 1  # calls in the step before
        self.between = responds_between(module)
        self.channels_first = True if isinstance(module, CHANNELS_FIRST) else False if isinstance(module, UNITS_LAST) else None
        self.turn = turn
        self.at_once = at_once  # its output is changed in place before it could be looked at later
        self.hook = functools.partial(layers.heard, self)


class Layers:
    """The sites of every root, and the hooks on them while a sampled step runs."""

    def __init__(self, histories: Histories, left_out: dict[str, str]) -> None:
        self.histories, self.left_out = histories, left_out
        self.units = UnitsSeen()
        self.spent = 0.0  # seconds in hooks
        self.scale = 1.0  # by what the loss of this step was multiplied
        self._roots: dict[int, _Root] = {}
        self._sampler: Sampler | None = None  # of the running step; what arrives between steps is not ours
        self._begun: list[Site] = []  # that were called in this step
        self._hooked: list[OrderedDict[Any, Any]] = []  # the hooks of outputs, among which are ours

    def add(self, model: nn.Module, prefix: str) -> None:
        known = self._roots.get(id(model))
        if known is None or known.model() is not model:
            self._roots[id(model)] = _Root(model, prefix)

    def begin(self, step: int, sampler: Sampler) -> None:
        self._sampler, self.scale = sampler, 1.0
        self.units.begin(step)

    def end(self) -> None:
        """Takes the hooks off the outputs."""
        for hooks in self._hooked:
            for key in [key for key in hooks if key.__class__ is tuple and key[0] == HOOK]:
                del hooks[key]
        for site in self._begun:
            site.usual, site.calls = site.calls, 0
        self._hooked, self._begun, self._sampler = [], [], None

    def listen(self, model: nn.Module) -> Callable[[], None]:
        """Hooks on every site of a root, until what is returned is called."""
        sites = self._roots[id(model)].sites(self)
        self.units.forward()
        for module, site in sites:  # as register_forward_hook does, whose handles cost ten times as much
            module._forward_hooks[HOOK] = site.hook  # type: ignore[index]
        return functools.partial(self._forward_is_over, [module for module, _ in sites])

    def release(self) -> None:
        self.end()
        for root in self._roots.values():
            root.release()

    def gradient_rows(self) -> list[int]:
        return [site.gradient for root in self._roots.values() for site in root.known()]

    def leave_out(self, name: str, error: Exception) -> None:
        self.left_out.setdefault(name, str(error) if isinstance(error, LeftOut) else f"{type(error).__name__}: {error}")

    def heard(self, site: Site, module: nn.Module, args: Any, output: Any) -> None:
        """The hook of a module: does no more than it must, because it stands in the way of the forward pass."""
        sampler = self._sampler
        if sampler is None or torch.compiler.is_compiling():
            return
        started = perf_counter()
        try:
            with torch._C.DisableTorchFunction():
                tensor = output if output.__class__ is Tensor else _first(output)
                if tensor is not None:
                    self._look(site, module, sampler, tensor, args)
        except Exception as error:  # nothing that we do may stop the user's loop
            self.leave_out(site.name, error)
        self.spent += perf_counter() - started

    def _look(self, site: Site, module: nn.Module, sampler: Sampler, tensor: Tensor, args: Any) -> None:
        if site.calls == 0:
            self._begun.append(site)
            if site.output < 0:
                self._give_rows(site, module)
        size = SAMPLE if site.usual == site.calls + 1 == 1 else _size(site)
        site.calls += 1
        responses = self.units.of(site, tensor)
        if responses is not None:
            responses.look(tensor)
        sampler.later(site, site.output, tensor, size, None)
        if tensor.requires_grad:
            self._on_gradient(tensor, functools.partial(self.heard_back, sampler, site, size, responses))
            if site.channels_first is not None and (read := self.units.read_by(site, args)) is not None:
                self._on_gradient(args[0], functools.partial(self.heard_back, sampler, site, None, read))

    def heard_back(
        self, sampler: Sampler, site: Site, size: int | None, responses: Responses | None, gradient: Tensor
    ) -> None:
        """The hook of an output (or, without a size, of an input): its gradient has come."""
        if self._sampler is not sampler:  # a graph that outlived its step
            return
        started = perf_counter()
        try:
            with torch._C.DisableTorchFunction():
                if size is not None:
                    sampler.later(site, site.gradient, gradient, size, responses, BACKWARD)
                elif responses is not None:
                    responses.felt(gradient)
        except Exception as error:  # nothing that we do may stop the user's loop
            self.leave_out(f"gradient of {site.name}", error)
        self.spent += perf_counter() - started

    def _on_gradient(self, tensor: Tensor, hook: Callable[[Tensor], None]) -> None:
        """As tensor.register_hook does, whose handles cost ten times as much."""
        hooks, node = tensor._backward_hooks, tensor.grad_fn
        if hooks is None:
            hooks = tensor._backward_hooks = OrderedDict()
            if node is not None:
                node._register_hook_dict(tensor)
        hooks[HOOK, len(self._hooked)] = hook
        self._hooked.append(hooks)

    def _give_rows(self, site: Site, module: nn.Module) -> None:
        site.kind = type(module).__name__  # a lazy module has become another by now
        site.output = self.histories.row(site.name, "activation", site.kind)
        site.gradient = self.histories.row(site.name, "activation gradient", site.kind)

    def _forward_is_over(self, modules: list[nn.Module]) -> None:
        for module in modules:
            module._forward_hooks.pop(HOOK, None)  # type: ignore[call-overload]
        self.units.forward()
        if self._sampler is not None:
            started = perf_counter()
            self._sampler.flush()
            self.spent += perf_counter() - started


class _Root:
    """A model, its sites, and the children they were found by."""

    def __init__(self, model: nn.Module, prefix: str) -> None:
        self.model, self.prefix = weakref.ref(model), prefix
        self._sites: dict[int, Site] = {}
        self._found: list[tuple[nn.Module, Site]] = []
        self._children: list[tuple[dict[str, Any], list[Any]]] = []

    def sites(self, layers: Layers) -> list[tuple[nn.Module, Site]]:
        """Looks again when layers were added, taken away or exchanged."""
        if not self._found or any(list(now.values()) != then for now, then in self._children):
            self._find(layers)
        return self._found

    def known(self) -> list[Site]:
        return list(self._sites.values())

    def release(self) -> None:
        self._found, self._children = [], []

    def _find(self, layers: Layers) -> None:
        model = self.model()
        assert model is not None
        modules = list(model.modules())
        self._children = [(module._modules, list(module._modules.values())) for module in modules if module._modules]
        in_place = any(getattr(module, "inplace", False) for module in modules)
        old, self._sites, self._found = self._sites, {}, []
        for turn, (path, module) in enumerate(heard_modules(model)):
            site = old.get(id(module))
            if site is None or site.module() is not module:
                site = Site(module, self.prefix + (path or ROOT), turn, in_place, layers)
            self._sites[id(module)] = site
            self._found.append((module, site))


def _first(output: Any) -> Tensor | None:
    """The first tensor in an output of several that is no integer."""
    return next((t for _, t in tensors(output) if t.is_floating_point() or t.is_complex()), None)


def _size(site: Site) -> int:
    """How much of this call is sampled, that all calls of the step together are not much more than one."""
    if site.usual == 1:
        return SAMPLE if site.calls < CALLS else 0
    apart = -(-site.usual // CALLS)
    return 0 if site.calls % apart else max(1, SAMPLE // min(site.usual, CALLS))
