"""Candidates that compute the same step otherwise: another precision, memory layout, optimizer kernel, number of threads, compiled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nbdebug.batch import map_tensors, tensors
from nbdebug.data.running.trials import cores_here
from nbdebug.instruments.profile.gains.candidate import Candidate
from nbdebug.training_setup import TrainingSetup

FUSED = ("Adam", "AdamW", "SGD", "Adagrad")  # that torch has a fused kernel for on the CPU as well
FOREACH = ("RMSprop", "NAdam", "RAdam", "Adamax", "Adadelta", "ASGD", "Rprop")
SMALL = 0.05  # share of the step below which a part of it is not worth trying; our choice


def autocast(setup: TrainingSetup) -> Candidate:
    """bfloat16 where torch holds it safe."""
    kind = setup.device.type
    code = f'with torch.autocast("{kind}", dtype=torch.bfloat16):\n    loss = loss_fn(model(inputs), targets)\nloss.backward()'
    why_not = "" if setup.precision == "32-true" else f"the precision is {setup.precision} already"
    if not why_not and kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        why_not = "this GPU has no bfloat16"

    @contextlib.contextmanager
    def on(lent: TrainingSetup) -> Iterator[TrainingSetup]:
        yield replace(lent, precision="bf16-mixed")

    caution = "products are rounded to 8 bits of mantissa: watch the first epochs"
    return Candidate("bf16 autocast", code, why_not, on, exact=False, caution=caution)


def channels_last(setup: TrainingSetup, batch: Any) -> Candidate:
    """Channels as the innermost dimension, for convolutions over images."""
    code = "model = model.to(memory_format=torch.channels_last)\ninputs = inputs.to(memory_format=torch.channels_last)"
    images = any(t.ndim == 4 and t.is_floating_point() for _, t in tensors(batch))
    weights = any(p.ndim == 4 for p in setup.model.parameters())
    why_not = "" if images and weights else "no convolution over a batch of images"
    return Candidate("channels_last", code, why_not, _in_channels_last, lambda batch: map_tensors(_last, batch))


@contextlib.contextmanager
def _in_channels_last(lent: TrainingSetup) -> Iterator[TrainingSetup]:
    held = list(lent.model.parameters())
    state = [(values, key) for o in lent.optimizers for values in o.state.values() for key, t in values.items() if _is_image(t)]
    saved, states = [p.data for p in held], [values[key] for values, key in state]
    for parameter in held:
        parameter.data = _last(parameter.data)
    for values, key in state:
        values[key] = _last(values[key])
    try:
        yield lent
    finally:
        for parameter, data in zip(held, saved, strict=True):
            parameter.data = data
        for (values, key), tensor in zip(state, states, strict=True):
            values[key] = tensor


def _last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if _is_image(tensor) and tensor.is_floating_point() else tensor


def _is_image(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and value.layout == torch.strided


def optimizer(setup: TrainingSetup, share: float) -> Candidate:
    """One kernel for all parameters, in place of one for each.

    Args:
        share: of the step that is the optimizer's.
    """
    kinds = [type(one).__name__ for one in setup.optimizers]
    named = next((kind for kind in kinds if kind in (*FUSED, *FOREACH)), "")
    option = "fused" if named in FUSED else "foreach"
    code = f"optimizer = torch.optim.{named or 'Adam'}(model.parameters(), …, {option}=True)"
    torchs = all(type(one).__module__.startswith("torch.optim") for one in setup.optimizers)
    why_not = ""
    if not named or not torchs:
        why_not = f"{'+'.join(kinds)} has no fused kernel in torch"
    elif any(group.get(option) for one in setup.optimizers for group in one.param_groups):
        why_not = f"{option}=True already"
    elif share < SMALL:
        why_not = f"the optimizer takes {share:.0%} of the step"

    @contextlib.contextmanager
    def on(lent: TrainingSetup) -> Iterator[TrainingSetup]:
        yield replace(lent, optimizer=[_with(one, option) for one in lent.optimizers])

    return Candidate(f"{option} {named}" if named else "fused optimizer", code, why_not, on)


def _with(one: Any, option: str) -> Any:
    """The same optimizer with one more option, over the same parameters; its state begins anew."""
    if type(one).__name__ not in (FUSED if option == "fused" else FOREACH):
        return one
    groups = [{**group, "fused": None, "foreach": None, option: True} for group in one.param_groups]
    return type(one)(groups)


def threads(setup: TrainingSetup) -> Candidate:
    """Other numbers of threads, on the CPU."""
    now, cores = torch.get_num_threads(), cores_here()
    other = cores if now != cores else max(1, cores // 2)
    why_not = "" if setup.device.type == "cpu" and other != now else "the device computes" if setup.device.type != "cpu" else "there is one core"

    @contextlib.contextmanager
    def on(lent: TrainingSetup) -> Iterator[TrainingSetup]:
        torch.set_num_threads(other)
        try:
            yield lent
        finally:
            torch.set_num_threads(now)

    return Candidate(f"{other} threads in place of {now}", f"torch.set_num_threads({other})", why_not, on)


def compiled(setup: TrainingSetup, wanted: bool) -> Candidate:
    """The model compiled by inductor; its first step takes from seconds to minutes."""
    why_not = "" if wanted else "its first step takes from seconds to minutes: compile=True tries it"
    if any(hasattr(m, "_orig_mod") for m in setup.model.modules()):
        why_not = "the model is compiled already"
    made: dict[str, Any] = {}

    @contextlib.contextmanager
    def on(lent: TrainingSetup) -> Iterator[TrainingSetup]:
        if "model" not in made:
            made["model"] = torch.compile(lent.model)
        stance = torch.compiler.set_stance("default")  # while nbdebug looks, compiled models run eagerly
        try:
            yield replace(lent, model=made["model"])
        finally:
            stance.__exit__(None, None, None)

    return Candidate("torch.compile", "model = torch.compile(model)", why_not, on, exact=False, caution="the first step compiles, and so does each new shape")
