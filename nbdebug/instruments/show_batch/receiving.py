"""What the first layer with weights gets of a batch, after the move to the device, autocast and whatever the model does first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from nbdebug.batch import tensors
from nbdebug.data.chunk import numbers
from nbdebug.errors import first_line
from nbdebug.listening import Call, Tape
from nbdebug.training_setup import TrainingSetup

WEIGHTED = frozenset("linear conv1d conv2d conv3d lstm gru rnn_tanh rnn_relu embedding matmul mm __matmul__ batch_norm layer_norm group_norm".split())


@dataclass(frozen=True)
class Received:
    """What arrived at a layer."""

    layer: str  # "features.0 (conv2d)"
    function: str  # "conv2d"
    values: numpy.ndarray  # (N, …)
    dtype: str
    changed: bool  # whether it is anything but a delivered tensor


def received(setup: TrainingSetup, batch: Any) -> tuple[Received | None, str]:
    """What the first layer with weights gets; and why that cannot be told, where it cannot."""
    tape, trouble = Tape(setup.model), ""
    try:
        with torch.no_grad(), tape:
            setup.loss(batch) if setup.batch_loss is not None else setup.outputs(batch)
    except Exception as error:  # the forward pass is the user's own code: what happened before it stopped is on the tape
        trouble = first_line(error)
    for call in tape.calls:
        value = _input_of(call)
        if value is not None and (values := numbers(value)) is not None:
            where = f"{call.module or type(setup.model).__name__} ({call.name})"
            changed = not any(_same(value, tensor) for _, tensor in tensors(batch))
            return Received(where, call.name, values, str(value.dtype).removeprefix("torch."), changed), ""
    return None, trouble


def _input_of(call: Call) -> Tensor | None:
    """What a layer with weights gets beside them."""
    if call.name not in WEIGHTED or not any(isinstance(tensor, nn.Parameter) for tensor in call.inputs()):
        return None
    value = call.argument(0, "input")
    return value if isinstance(value, Tensor) and not isinstance(value, nn.Parameter) and value.numel() else None


def _same(value: Tensor, delivered: Tensor) -> bool:
    """Whether these are the delivered numbers in their order, whatever shape and dtype they have now."""
    if value.numel() != delivered.numel() or value.is_nested or delivered.is_nested or torch.strided not in (value.layout,) or delivered.layout is not torch.strided:
        return False
    one, other = value.detach().cpu().reshape(-1), delivered.detach().cpu().reshape(-1).to(value.dtype)
    return bool(((one == other) | ((one != one) & (other != other))).all())
