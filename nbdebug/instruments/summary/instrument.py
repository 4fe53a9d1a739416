"""The model layer by layer, with FLOPs and memory, on a real batch."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nbdebug import loading
from nbdebug.batch import describe, tensors
from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import NbdebugError, SetupError
from nbdebug.instruments.base import instrument
from nbdebug.instruments.summary.memory import memory
from nbdebug.instruments.summary.result import LayerRow, Summary
from nbdebug.listening import ModuleCall, Tape, module_paths
from nbdebug.training_setup import TrainingSetup


@instrument("train_loader", title="summary", level="code", result=Summary)
def summary(setup: TrainingSetup) -> Summary:
    """Layers, shapes, parameters, FLOPs and memory of a training step.

    Measured on the first batch of train_loader, by torchinfo and torch's FLOP counter.
    """
    in_training_mode(setup)
    batch = loading.first_batch(setup.train_loader)
    call, notes = _model_call(setup, batch)
    forward, backward, by_module = _flops(setup, batch, notes)
    parameters = list(setup.model.parameters())  # tied ones once
    return Summary(
        describe(batch),
        tuple(_layers(setup, call, by_module, notes)),
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        forward,
        backward,
        memory(setup, batch, notes),
        tuple(notes),
    )


def _model_call(setup: TrainingSetup, batch: Any) -> tuple[ModuleCall, list[str]]:
    """How the step really calls the model; a loss that fails after it does not matter here."""
    notes: list[str] = []
    with Tape(setup.model) as tape:
        try:
            setup.loss(batch)
        except NbdebugError as error:
            if tape.root is None or not tape.root.returned:
                raise
            notes.append(f"the step stops after the model: {error}")
    if tape.root is None:
        raise SetupError("the step never calls the model itself, only parts of it: there is no call to summarise")
    return tape.root, notes


# -- layers, by torchinfo ---------------------------------------------------------------------------------------------


def _layers(setup: TrainingSetup, call: ModuleCall, by_module: dict[str, int], notes: list[str]) -> Iterator[LayerRow]:
    if len({p.device for p in setup.model.parameters()}) > 1:
        notes.append("layers are not listed: the model lies on several devices")
        return
    try:
        listed = _torchinfo(setup, call)
    except Exception as error:  # torchinfo refuses modules that return anything but tensors in tuples and dicts
        notes.append(f"layers are not listed: torchinfo raised {(str(error.__cause__ or error).splitlines() or [''])[0]}")
        return
    paths, root = module_paths(setup.model), type(setup.model).__name__
    for layer in listed:
        path = paths.get(layer.layer_id, layer.var_name)
        yield LayerRow(
            layer.depth, path, layer.class_name, tuple(_plain(layer.input_size)), tuple(_plain(layer.output_size)),
            layer.num_params, layer.trainable_params, by_module.get(f"{root}.{path}" if path else root),
            bool(layer.is_recursive),
        )  # fmt: skip


def _torchinfo(setup: TrainingSetup, call: ModuleCall) -> list[Any]:
    import torchinfo

    inputs, options = _named_inputs(setup.model, call)
    with _cache_kept(), setup.autocast():
        found = torchinfo.summary(setup.model, input_data=inputs, verbose=0, mode="train", col_names=("num_params",), **options)
    return found.summary_list


@contextlib.contextmanager
def _cache_kept() -> Iterator[None]:
    """torchinfo keeps the layers it saw last, and so the whole model, in a module variable."""
    cache = sys.modules["torchinfo.torchinfo"]._cached_forward_pass
    before = dict(cache)
    try:
        yield
    finally:
        cache.clear()
        cache.update(before)


def _named_inputs(model: nn.Module, call: ModuleCall) -> tuple[Any, dict[str, Any]]:
    """The call's arguments as torchinfo takes them: what holds tensors, and what does not."""
    given = dict(call.kwargs)
    if call.args:
        if not call.kwargs and all(_holds_tensors(value) for value in call.args):
            return list(call.args), {}
        named = list(inspect.signature(model.forward).parameters)
        given = {**dict(zip(named, call.args, strict=False)), **given}
    inputs = {name: value for name, value in given.items() if _holds_tensors(value)}
    return inputs, {name: value for name, value in given.items() if name not in inputs}


def _holds_tensors(value: Any) -> bool:
    return next(tensors(value), None) is not None


def _plain(sizes: Any) -> list[int]:
    return [int(size) for size in sizes if isinstance(size, int)] if isinstance(sizes, (list, tuple)) else []


# -- FLOPs, by torch's counter -------------------------------------------------------------------------------------------


def _flops(setup: TrainingSetup, batch: Any, notes: list[str]) -> tuple[int | None, int | None, dict[str, int]]:
    """FLOPs of the forward pass and of the backward pass, and multiply-adds of the forward pass by module."""
    forward = None
    by_module: dict[str, int] = {}
    try:
        with FlopCounterMode(display=False) as counter:
            loss = setup.loss(batch)
            forward = int(counter.get_total_flops())
            by_module = {name: int(sum(ops.values())) // 2 for name, ops in counter.get_flop_counts().items()}
            if not loss.requires_grad:
                return forward, 0, by_module
            setup.backward(loss)
            return forward, int(counter.get_total_flops()) - forward, by_module
    except Exception as error:  # the counter knows no formula for every operator, or the step raises
        notes.append(f"FLOPs: {(str(error).splitlines() or [type(error).__name__])[0]}")
        return forward, None, by_module
