"""The keepers: each puts one kind of state aside, lends a stand-in where something may be written, and returns its undo.

A keeper copies first and swaps afterwards, so that one that fails (no memory for the copy, say) has changed nothing.
"""

from __future__ import annotations

import contextlib
import copy
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import _unsafe_preserve_version_counter
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from nbdebug.untouched.aside import Aside, Loan, Undo, copy_memory
from nbdebug.untouched.process import hook_registries, random_states, settings
from nbdebug.untouched.session import HOOKS, Session

Keeper = Callable[[Session], Undo]
KEPT_ELSEWHERE = {"training", "_buffers"} | HOOKS  # attributes of a module that have a keeper of their own
PARAMETER_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


def modes(session: Session) -> Undo:
    """Per module: `model.train(model.training)` would wake a frozen batch-norm."""
    saved = [(module, module.training) for module in session.modules.values()]

    def undo() -> None:
        for module, training in saved:
            module.training = training

    return undo


def buffers(session: Session) -> Undo:
    """A forward in train mode writes batch-norm statistics, even under no_grad: it gets clones to write to."""
    aside, lend = Aside(), session.loan.tensor
    held = [module._buffers for module in session.modules.values()]
    lent = [{name: None if b is None else lend(b) for name, b in registry.items()} for registry in held]
    for registry, stand_ins in zip(held, lent, strict=True):
        aside.registry(registry)
        for name, stand_in in stand_ins.items():
            registry[name] = stand_in
    return aside


def attributes(session: Session) -> Undo:
    """A forward that counts its calls, keeps its last output or appends to a list."""
    aside = Aside()
    for module in session.modules.values():
        aside.mapping(vars(module), without=KEPT_ELSEWHERE)
        for registry in (module._parameters, module._modules):  # a forward may make a layer when it first runs
            aside.registry(registry)
    for holder in session.holders.values():
        aside.mapping(vars(holder))
    for container in session.containers.values():
        aside.container(container)
    for _, namespace, names in session.namespaces():
        aside.bindings(namespace, names)
    owners = (*session.modules.values(), *session.holders.values())
    places = [vars(owner) for owner in owners if id(owner) not in session.data]
    places += [container for container in session.containers.values() if id(container) not in session.data]
    _lend(session, places)
    return aside


def _lend(session: Session, places: list[Any]) -> None:
    """Stand-ins for the plain tensors and arrays in these dicts and lists."""
    swaps = []
    for place in places:
        pairs = place.items() if isinstance(place, dict) else () if isinstance(place, set) else enumerate(place)
        swaps += [(place, key, value, session.loan.plain(value)) for key, value in pairs if isinstance(value, Loan.LENT)]
    for place, key, value, stand_in in swaps:
        if stand_in is not value:
            place[key] = stand_in


def hooks(session: Session) -> Undo:
    """A hook that was added and forgotten comes off: of a module, of a parameter, of all modules."""
    aside = Aside()
    for module in session.modules.values():
        registries = {name: vars(module)[name] for name in HOOKS if name in vars(module)}
        aside.bindings(vars(module), registries)
        aside.mappings(registry for registry in registries.values() if isinstance(registry, dict))
    aside.mappings(registry for _, registry in hook_registries())
    of_parameters = [(p, name, getattr(p, name)) for p in session.parameters.values() for name in PARAMETER_HOOKS]
    aside.mappings(registry for _, _, registry in of_parameters if registry is not None)

    def undo() -> None:
        aside()
        for parameter, name, registry in of_parameters:
            if getattr(parameter, name) is not registry:
                setattr(parameter, name, registry)

    return undo


def gradients(session: Session) -> Undo:
    """Taken away and handed back, not copied; None stays None."""
    taken = [(parameter, parameter.grad) for parameter in session.parameters.values()]
    for parameter, _ in taken:
        parameter.grad = None

    def undo() -> None:
        for parameter, gradient in taken:
            parameter.grad = gradient

    return undo


def requires_grad(session: Session) -> Undo:
    """What is frozen stays frozen."""
    saved = [(parameter, parameter.requires_grad) for parameter in session.parameters.values()]

    def undo() -> None:
        for parameter, wanted in saved:
            if parameter.requires_grad != wanted:
                parameter.requires_grad_(wanted)

    return undo


def weights(session: Session) -> Undo:
    """The parameter stays the same object, over other memory: tied weights stay tied, the optimizer keeps its
    references, and a graph made before the examination can still be walked back after it."""
    held = _written(session)
    lent = [parameter for parameter in held if not is_traceable_wrapper_subclass(parameter)]
    wrapped = [parameter for parameter in held if is_traceable_wrapper_subclass(parameter)]
    originals, saved = [parameter.data for parameter in lent], [parameter.detach().clone() for parameter in wrapped]
    stand_ins = copy_memory(originals)
    versions = [_unsafe_preserve_version_counter(parameter) for parameter in held]
    for parameter, stand_in in zip(lent, stand_ins, strict=True):
        parameter.data = stand_in

    def undo() -> None:
        torch.clear_autocast_cache()  # it may hold casts of what is now given up
        for parameter, original in zip(lent, originals, strict=True):
            parameter.data = original
        for parameter, values in zip(wrapped, saved, strict=True):
            parameter.detach().copy_(values)  # its memory lies in other tensors, and cannot be exchanged
        for version in versions:
            version.__exit__(None, None, None)

    return undo


def _written(session: Session) -> list[Tensor]:
    if session.trains:
        return [p for p in session.parameters.values() if not p.is_inference()]
    embeddings = (m for m in session.modules.values() if isinstance(m, (nn.Embedding, nn.EmbeddingBag)))
    return [m.weight for m in embeddings if m.max_norm is not None]  # their forward renormalises in place


def optimizers(session: Session) -> Undo:
    """Groups are updated in place, because a scheduler holds them; the learning rate may be a tensor."""
    aside, lend = Aside(), session.loan.deep
    swaps: list[tuple[dict[str, Any], str, Any]] = []
    for optimizer in session.optimizers.values():
        aside.mapping(vars(optimizer))
        aside.container(optimizer.param_groups)
        for group in optimizer.param_groups:
            aside.mapping(group)
            aside.container(group["params"])
            swaps += [(group, key, lend(value)) for key, value in group.items() if key != "params"]
        if session.trains:
            swaps.append((vars(optimizer), "state", lend(optimizer.state)))
    for place, key, stand_in in swaps:
        place[key] = stand_in
    return aside


def schedulers(session: Session) -> Undo:
    """Plain counters, and at times a tensor; schedulers inside schedulers are found like any other."""
    aside = Aside()
    for scheduler in session.schedulers.values():
        aside.mapping(vars(scheduler))
    _lend(session, [vars(scheduler) for scheduler in session.schedulers.values()])
    return aside


def scalers(session: Session) -> Undo:
    """The scale is written in place; and an examination begins a step of its own, whatever the user's has reached."""
    aside = Aside()
    for scaler in session.scalers.values():
        aside.mapping(vars(scaler))
    _lend(session, [vars(scaler) for scaler in session.scalers.values()])
    for scaler in session.scalers.values():
        if scaler.is_enabled():
            fresh = copy.copy(scaler._per_optimizer_states)  # what a missing optimizer gets lies in its type
            fresh.clear()
            scaler._per_optimizer_states = fresh
    return aside


def random_state(session: Session) -> Undo:
    """Even an unshuffled next(iter(loader)) moves torch's."""
    return _put_back([(state, state.read()) for state in random_states(session)], always=True)


def process_settings(session: Session) -> Undo:
    """Under no_grad, or inside inference_mode, an examination still needs gradients."""
    undo = contextlib.ExitStack()
    undo.callback(_put_back([(setting, setting.read()) for setting in settings(session)], always=False))
    undo.enter_context(torch.inference_mode(False) if torch.is_inference_mode_enabled() else contextlib.nullcontext())
    torch.set_grad_enabled(True)
    return undo.close


def compiler(session: Session) -> Undo:
    """Hooks set after compiling are ignored: compiled models run eagerly meanwhile."""
    if "torch._dynamo" not in sys.modules:
        return lambda: None
    stance = torch.compiler.set_stance("force_eager")
    return lambda: stance.__exit__(None, None, None)


def _put_back(saved: list[tuple[Any, Any]], *, always: bool) -> Undo:
    def undo() -> None:
        for setting, value in saved:
            if always or setting.read() != value:
                setting.write(value)

    return undo


KEEPERS: tuple[Keeper, ...] = (  # given back from the bottom up; settings first, because they decide what a clone is
    process_settings, modes, buffers, attributes, hooks, gradients, requires_grad, weights, optimizers, schedulers,
    scalers, random_state, compiler,
)  # fmt: skip
