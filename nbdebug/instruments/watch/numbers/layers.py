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
from nbdebug.instruments.watch.numbers.sampler import LITTLE, TOGETHER, Noted, Sampler
from nbdebug.instruments.watch.numbers.sites import Root, Site, size_of
from nbdebug.instruments.watch.numbers.units import Responses, UnitsSeen
from nbdebug.instruments.watch.numbers.values import LeftOut

# asked at every layer
is_compiling, is_transforming, function_modes = torch.compiler.is_dynamo_compiling, torch._C._are_functorch_transforms_active, torch._C._len_torch_function_stack
SURE = 8  # calls without F.relu before a layer, after which none is expected there; our choice
HOOK = "nbdebug"  # the key of ours among a module's or a tensor's hooks: theirs are numbers


class _Back:
    """The gradient of one output, which is to come."""

    hooks: OrderedDict[Any, Any]  # of the output
    leads_to: _Back | None = None  # comes after this one, made from it by the layer, and will tell about it
    waiting: tuple[Noted, ...] = ()  # about which this one will tell

    def __init__(self, site: Site, size: int, responses: Responses | None) -> None:
        self.site, self.size, self.responses = site, size, responses


class Layers:
    """The sites of every root, and the hooks on them while a sampled step runs."""

    def __init__(self, histories: Histories, left_out: dict[str, str]) -> None:
        self.histories, self.left_out = histories, left_out
        self.units = UnitsSeen()
        self.spent = 0.0  # seconds in hooks
        self.scale = 1.0  # by what the loss of this step was multiplied
        self._roots: dict[int, Root] = {}
        self._sampler: Sampler | None = None  # of the running step; what arrives between steps is not ours
        self._begun: list[Site] = []  # that were called in this step
        self._root: Root | None = None  # whose forward pass runs
        self._learning: list[tuple[Site, Tensor, int]] | None = None  # outputs of a forward pass, to see which are written to
        self._later: list[tuple[Site, nn.Module, Tensor, Any, int]] | None = None  # outputs of one whose layers keep to what they are known to do; with its arguments and version
        self._little = False  # all of that root's outputs together are: none of them need tell about another
        self._hooked: list[OrderedDict[Any, Any]] = []  # the hooks of outputs, among which are ours
        self.copies: list[weakref.ref[nn.Module]] = []  # of modules, with their hooks, that the running forward pass made

    def add(self, model: nn.Module, prefix: str) -> None:
        known = self._roots.get(id(model))
        if known is None or known.model() is not model:
            self._roots[id(model)] = Root(model, prefix)

    def begin(self, step: int, sampler: Sampler) -> None:
        self._sampler, self.scale = sampler, 1.0
        self.units.begin(step)

    def end(self) -> None:
        """Takes the hooks off the outputs."""
        for at, hooks in enumerate(self._hooked):
            hooks.pop((HOOK, at), None)  # type: ignore[call-overload]
        for site in self._begun:
            site.usual, site.calls = site.calls, 0
        self._hooked, self._begun, self._sampler = [], [], None

    def listen(self, model: nn.Module) -> Callable[[], None]:
        """Hooks on every site of a root, until what is returned is called."""
        root = self._roots[id(model)]
        sites = root.sites(self.heard)
        self._root = root
        self._later, self._learning, self._little = [] if root.steady else None, None if root.learnt else [], root.steady and root.little
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
        if is_compiling():
            return
        started = None
        try:
            plain = output.__class__ is Tensor and (not args or args[0].__class__ is Tensor) and not function_modes()
            if plain and self._later is not None and not is_transforming():
                self._later.append((site, module, output, args, output._version))  # so little that it is not timed
                return
            if (sampler := self._sampler) is None:
                return
            started = perf_counter()
            self._look_at_later()
            if plain:
                self._look(site, module, sampler, output, args, output._version)
                return
            with torch._C.DisableTorchFunction():
                tensor = output if output.__class__ is Tensor else _first(output)
                if tensor is not None:
                    self._look(site, module, sampler, tensor, args, tensor._version)
        except Exception as error:  # nothing that we do may stop the user's loop
            self.leave_out(site.name, error)
        finally:
            if started is not None:
                self.spent += perf_counter() - started

    def _look(self, site: Site, module: nn.Module, sampler: Sampler, tensor: Tensor, args: Any, version: int) -> None:
        if site.calls == 0:
            self._begun.append(site)
            if site.output < 0:
                self._give_rows(site, module)
        size = size_of(site)
        site.calls += 1
        if is_transforming():
            sampler.transformed = True
        responses = self.units.of(site, tensor) if site.has_units else None
        noted, before = Noted(site, site.output, tensor, size, version), None
        if responses is not None:
            noted.units = responses
        if self._little:
            sampler.little(noted)
        else:
            given = args[0] if args and len(module._forward_hooks) == 1 else None  # another hook may have changed the output
            before = sampler.output(noted, given)
            if self._learning is not None:
                self._learning.append((site, tensor, version))
        if tensor.requires_grad and tensor._version == version:  # what was written into it since has another gradient
            noted.back = back = _Back(site, size, responses)
            back.hooks = self._on_gradient(tensor, functools.partial(self.heard_back, sampler, back))
            if before is not None and before.back is not None and site.tells_back and tensor is not before.tensor:
                back.leads_to = before.back
            if site.channels_first is not None and site.in_vain < SURE and (read := self.units.read_by(site, args)) is not None:
                self._on_gradient(args[0], functools.partial(self.felt, sampler, read))

    def heard_back(self, sampler: Sampler, back: _Back, gradient: Tensor) -> None:
        """The hook of an output: its gradient has come."""
        if self._sampler is not sampler:  # a graph that outlived its step
            return
        started, site = perf_counter(), back.site
        try:
            if gradient.__class__ is Tensor and not function_modes():
                self._look_back(sampler, back, site, gradient)
            else:
                with torch._C.DisableTorchFunction():
                    self._look_back(sampler, back, site, gradient)
        except Exception as error:  # nothing that we do may stop the user's loop
            self.leave_out(f"gradient of {site.name}", error)
        self.spent += perf_counter() - started

    def _look_back(self, sampler: Sampler, back: _Back, site: Site, gradient: Tensor) -> None:
        if self._root is not None:  # inside of the forward pass
            self._root.steady, self._root.differentiates = False, True
        noted = Noted(site, site.gradient, gradient, back.size, gradient._version)
        if back.responses is not None:
            noted.responses = back.responses
        if self._little:
            sampler.little(noted)
            return
        told, back.waiting = back.waiting, ()
        if told and any(key.__class__ is not tuple for key in back.hooks):  # hooks of the user's may have changed it
            for other in told:
                other.waits = False
            told = ()
        if back.leads_to is not None and gradient.is_cpu:
            back.leads_to.waiting += (noted,)
            noted.waits = True
        sampler.gradient(noted, told)

    def felt(self, sampler: Sampler, responses: Responses, gradient: Tensor) -> None:
        """The hook of an input, of whose units only is asked whether a gradient came."""
        if self._sampler is not sampler:
            return
        started = perf_counter()
        try:
            with torch._C.DisableTorchFunction():
                responses.felt(gradient, responses.step)
        except Exception as error:  # nothing that we do may stop the user's loop
            self.leave_out(responses.name, error)
        self.spent += perf_counter() - started

    def _on_gradient(self, tensor: Tensor, hook: Callable[[Tensor], None]) -> OrderedDict[Any, Any]:
        """As tensor.register_hook does, whose handles cost ten times as much."""
        hooks, node = tensor._backward_hooks, tensor.grad_fn
        if hooks is None:
            hooks = tensor._backward_hooks = OrderedDict()
            if node is not None:
                node._register_hook_dict(tensor)
        hooks[HOOK, len(self._hooked)] = hook
        self._hooked.append(hooks)
        return hooks

    def _give_rows(self, site: Site, module: nn.Module) -> None:
        site.kind = type(module).__name__  # a lazy module has become another by now
        site.output = self.histories.row(site.name, "activation", site.kind)
        site.gradient = self.histories.row(site.name, "activation gradient", site.kind)

    def _forward_is_over(self, modules: list[nn.Module]) -> None:
        started = perf_counter()
        try:
            with torch._C.DisableTorchFunction():
                self._look_at_later()
        finally:  # also when that is interrupted
            root, learning = self._root, self._learning
            self._root = self._learning = self._later = None
            self._unhook(modules)
        with torch._C.DisableTorchFunction():
            if learning is not None and root is not None:
                self._learn(root, learning)
            if self._sampler is not None:
                self._sampler.forward_is_over()
        self.spent += perf_counter() - started

    def _unhook(self, modules: list[nn.Module]) -> None:
        copies, self.copies = [module for held in self.copies if (module := held()) is not None], []
        for module in modules + copies:
            module._forward_hooks.pop(HOOK, None)  # type: ignore[call-overload]
        self.units.forward()

    def _look_at_later(self) -> None:
        """Looks at the outputs that wait: in a row that takes half the time that it takes between the user's own kernels."""
        if not self._later or self._sampler is None or self._root is None:
            return
        later, self._later = self._later, []
        for site, module, tensor, args, version in later:
            try:
                self._look(site, module, self._sampler, tensor, args, version)
            except Exception as error:  # nothing that we do may stop the user's loop
                self.leave_out(site.name, error)
            if tensor._version != version:
                self._root.steady = False

    def _learn(self, root: Root, outputs: list[tuple[Site, Tensor, int]]) -> None:
        """Which outputs are written to within a forward pass, and are to be looked at at once; where none is, and they are small, that waits for its end."""
        written = [site for site, tensor, version in outputs if tensor._version != version]
        for site, _, _ in outputs:
            site.at_once = site in written
        size = sum([tensor.nbytes for _, tensor, _ in outputs if tensor.layout is torch.strided])
        root.learnt, root.steady, root.little = True, size <= TOGETHER and not written and not root.differentiates, size <= LITTLE


def _first(output: Any) -> Tensor | None:
    """The first tensor in an output of several that is no integer."""
    return next((t for _, t in tensors(output) if t.is_floating_point() or t.is_complex()), None)
