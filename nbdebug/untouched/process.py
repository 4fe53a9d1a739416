"""State that belongs to the process and not to a model: random states, and the settings of torch and its neighbours."""

from __future__ import annotations

import functools
import operator
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch._C import _len_torch_dispatch_stack, _len_torch_function_stack
from torch.nn.modules import module as global_hooks
from torch.overrides import _pop_mode as _pop_function_mode
from torch.utils._python_dispatch import _pop_mode as _pop_dispatch_mode

from nbdebug.untouched.session import Session

PATCHABLE = (torch, torch.nn.functional, torch.Tensor, torch.nn.Module, torch.optim.Optimizer)


@dataclass(frozen=True)
class Setting:
    """Something that can be read and written back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]
    names: bool = False  # whether it is what stands behind names, of which each must stay the very same


def random_states(session: Session) -> Iterator[Setting]:
    """Every random state that reading a batch or a training step may move on."""
    yield from random_states_of(session.setup.device.type, session.generators)


def random_states_of(device: str, generators: Mapping[str, Any]) -> Iterator[Setting]:
    """Those of the process, of the devices in use ("mps" is told), and of generators by name."""
    yield Setting("random state: Python", random.getstate, random.setstate)
    yield Setting("random state: NumPy", np.random.get_state, np.random.set_state)
    yield Setting("random state: torch", torch.get_rng_state, torch.set_rng_state)
    if torch.cuda.is_initialized():  # otherwise nobody has drawn from it
        yield Setting("random state: CUDA", torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all)
    if device == "mps":
        yield Setting("random state: MPS", torch.mps.get_rng_state, torch.mps.set_rng_state)
    for name, generator in generators.items():
        yield Setting(f"random state: {name}", *_accessors(generator))


def _accessors(generator: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    if isinstance(generator, torch.Generator):
        return generator.get_state, generator.set_state
    if isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        return lambda: bits.state, lambda state: setattr(bits, "state", state)
    if isinstance(generator, np.random.RandomState):
        return generator.get_state, generator.set_state
    return generator.getstate, generator.setstate


def settings(session: Session) -> Iterator[Setting]:
    """Process-wide switches that decide what the user's next cell computes or shows."""
    yield Setting("global: function modes", _len_torch_function_stack, _leave_function_modes)
    yield Setting("global: dispatch modes", _len_torch_dispatch_stack, _leave_dispatch_modes)
    yield Setting("global: grad mode", torch.is_grad_enabled, torch.set_grad_enabled)
    yield Setting("global: anomaly mode", _anomaly, lambda mode: torch.autograd.set_detect_anomaly(*mode))
    yield Setting("global: deterministic algorithms", _deterministic, _set_deterministic)
    yield Setting("global: default dtype", torch.get_default_dtype, torch.set_default_dtype)
    yield Setting("global: default device", torch.get_default_device, torch.set_default_device)
    yield Setting("global: threads", torch.get_num_threads, torch.set_num_threads)
    yield Setting("global: warning filters", lambda: list(warnings.filters), _set_warning_filters)
    yield Setting("global: NumPy error handling", np.geterr, lambda handling: np.seterr(**handling))
    for name in ("enabled", "benchmark", "deterministic"):
        yield _attribute(f"global: cudnn {name}", torch.backends.cudnn, name)
    for device in dict.fromkeys(("cpu", "cuda", session.setup.device.type)):
        if torch.amp.is_autocast_available(device):
            yield from autocast_settings(device)
    for owner in PATCHABLE:
        yield _patches(owner)
    if "matplotlib" in sys.modules:
        yield Setting("global: matplotlib rcParams", _rc_params, _set_rc_params)


def hook_registries() -> Iterator[tuple[str, dict[int, Any]]]:
    """The hooks that torch runs for all modules."""
    for name, hooks in vars(global_hooks).items():
        if name.startswith("_global_") and isinstance(hooks, dict):
            yield f"global hooks {name.removeprefix('_global_')}", hooks


def _attribute(name: str, owner: Any, key: str) -> Setting:
    return Setting(name, lambda: getattr(owner, key), lambda value: setattr(owner, key, value))


def autocast_settings(device: str) -> Iterator[Setting]:
    """Whether autocast is on, and to which dtype."""
    of = functools.partial
    yield Setting(f"global: autocast {device}", of(torch.is_autocast_enabled, device), of(torch.set_autocast_enabled, device))
    yield Setting(f"global: autocast {device} dtype", of(torch.get_autocast_dtype, device), of(torch.set_autocast_dtype, device))


def _leave_function_modes(depth: int) -> None:
    """An interrupt between entering a mode and the block under it leaves the mode behind."""
    while _len_torch_function_stack() > depth:
        _pop_function_mode()


def _leave_dispatch_modes(depth: int) -> None:
    while _len_torch_dispatch_stack() > depth:
        _pop_dispatch_mode()


def _anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(mode: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(mode[0], warn_only=mode[1])


def _set_warning_filters(filters: list[Any]) -> None:
    with warnings.catch_warnings():  # leaving it tells the warnings module that its filters are others now
        pass
    warnings.filters[:] = filters


@functools.cache
def _functions(owner: Any) -> tuple[str, ...]:
    names = (name for name, value in vars(owner).items() if callable(value))
    return tuple(name for name in names if name.startswith("__") or not name.startswith("_"))


def _patches(owner: Any) -> Setting:
    """The functions of a torch namespace, which a tool may have wrapped. New names are imports, and stay."""

    names = _functions(owner)
    held = operator.itemgetter(*names)

    def read() -> dict[str, Any]:
        now = vars(owner)
        try:
            return dict(zip(names, held(now), strict=True))
        except KeyError:  # one was taken away
            return {name: now.get(name) for name in names}

    def write(saved: dict[str, Any]) -> None:
        now = vars(owner)
        for name, value in saved.items():
            if now.get(name) is not value:
                setattr(owner, name, value)

    return Setting(f"global: functions of {owner.__name__}", read, write, names=True)


def _rc_params() -> dict[str, Any]:
    parameters = dict(dict.items(sys.modules["matplotlib"].rcParams))  # not by [], which would choose a backend
    return {name: value for name, value in parameters.items() if name != "backend"}


def _set_rc_params(saved: dict[str, Any]) -> None:
    dict.update(sys.modules["matplotlib"].rcParams, saved)
