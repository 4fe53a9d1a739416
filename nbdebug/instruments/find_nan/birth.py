"""The step that tripped, again: operator by operator, and where it is the update that failed with one thing changed at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from nbdebug.batch import own_copy
from nbdebug.instruments.find_nan.precision import in_float32, is_half
from nbdebug.instruments.find_nan.training import GRADIENTS, LOSS, UPDATE, Stepped, Training
from nbdebug.lines.built import line_that_builds
from nbdebug.loading import Delivered
from nbdebug.nonfinite.healthy import healthy
from nbdebug.nonfinite.origin import Origin, Values
from nbdebug.nonfinite.trace.step import Trace
from nbdebug.nonfinite.update import update_origin
from nbdebug.source_lines import location_fields

UNEXPLAINED = {  # by whether it tripped again
    True: "repeated from the same weights and random numbers the step stops being finite, but no operator was seen to make it so",
    False: "repeated from the same weights and random numbers the step was finite",
    None: "an optimizer that asks for the loss several times in a step is not repeated",
}
COARSE = {LOSS: "loss", UPDATE: "optimizer"}  # where the place cannot be found: the phase of the end


@dataclass(frozen=True)
class Birth:
    """What is known of the place."""

    origin: Origin
    reproduced: bool | None
    weights_before: tuple[Values, ...]
    unexplained: str = ""


def birth(training: Training, delivered: Delivered, stepped: Stepped, step: int) -> Birth:
    """Where the value was born that ended this step; the training stands before that step afterwards."""
    find = _in_update if stepped.end == UPDATE and not _only_buffers(training, stepped) else _in_passes
    origin, reproduced = find(training, delivered, stepped, step)
    why = ""
    if origin is None:
        why = UNEXPLAINED[reproduced]
        origin = coarse(stepped, step)
        if _only_buffers(training, stepped):
            module = stepped.names[0].rpartition(".")[0]
            origin = replace(origin, phase="forward", module=module, parameter="", detail=f"the buffer {stepped.names[0]}")
    training.before.restore()
    return Birth(origin, reproduced, healthy(origin, {training.names[id(p)]: p for p in training.parameters()}), why)


def _in_passes(training: Training, delivered: Delivered, stepped: Stepped, step: int) -> tuple[Origin | None, bool]:
    training.stand_before()
    batch = own_copy(delivered.batch)
    with Trace((training.setup.model, *_others(training)), batch=batch, indices=delivered.indices) as trace:
        loss = training.passes(batch)
    bad = {LOSS: (), GRADIENTS: training.bad_gradients(), UPDATE: training.bad_weights()}[stepped.end]
    reproduced = _same(loss, stepped.loss) and bad == stepped.names
    origin = trace.origin(step)
    del trace, loss
    return (None if origin is None else _explained(training, delivered, origin)), reproduced


def _explained(training: Training, delivered: Delivered, origin: Origin) -> Origin:
    """What the operators alone do not know."""
    if origin.phase == "data":  # without dataset indices a sample is a row of its batch
        return origin if delivered.indices is not None else replace(origin, detail=f"{origin.detail} of batch {delivered.number}")
    if origin.cause == "weights":
        return _at_its_first_use(origin)
    return _in_other_precision(training, delivered.batch, origin) if is_half(training.setup) else origin


def _others(training: Training) -> Iterator[nn.Module]:
    """The parameters that an optimizer moves and the model does not have, in a module that never runs: their gradients are ends too."""
    own = {id(p) for p in training.setup.model.parameters()}
    others = {training.names[id(p)]: p for p in training.parameters() if id(p) not in own}
    if others:
        holder = nn.Module()
        holder._parameters.update(others)  # not register_parameter(), which takes no name with a dot
        yield holder


def _same(loss: Tensor, value: float) -> bool:
    """To the last bit; a NaN is like any other."""
    again = float(loss.detach())
    return again == value or (math.isnan(again) and math.isnan(value))


def _only_buffers(training: Training, stepped: Stepped) -> bool:
    """Whether it is statistics that the forward pass wrote that are bad, and no weight."""
    buffers = {name for model in training.models for name, _ in model.named_buffers()}
    return bool(stepped.names) and stepped.end == UPDATE and set(stepped.names) <= buffers


def _at_its_first_use(origin: Origin) -> Origin:
    """Weights that were NaN before the training began: no update of it made them so. They are told where they are first used."""
    use = next((link for link in origin.chain if link.operator), None)
    if use is None:
        return replace(origin, phase="forward")
    place = {"module": use.module, "file": use.file, "line": use.line, "cell": use.cell, "text": use.text}
    return replace(origin, phase="forward", operator=use.operator, **place)


def _in_other_precision(training: Training, batch: Any, origin: Origin) -> Origin:
    """What is finite in float32, with the same weights, batch and random numbers, is the format's doing."""
    training.before.restore()
    again = in_float32(training.setup, own_copy(batch))
    if again is None or not again.finite:
        return origin
    said = f"the same step in float32 is finite (its loss is {again.loss:.4g})"
    return replace(origin, cause="low precision", remedy=f"{origin.remedy}; {said}" if origin.remedy else said)


def _in_update(training: Training, delivered: Delivered, stepped: Stepped, step: int) -> tuple[Origin | None, bool | None]:
    if training.by_closure:
        return None, None
    training.stand_before()
    again = training.passes(own_copy(delivered.batch))
    origin = update_origin(training.setup.optimizers, training.before, training.names, step)
    if origin is None:
        return None, False
    if origin.line is None:
        number = next((n for n, o in enumerate(training.setup.optimizers) if origin.detail.startswith(type(o).__name__)), 0)
        line = line_that_builds(type(training.setup.optimizers[number]).__name__)
        origin = replace(origin, **location_fields(line), text=line.text if line is not None else "")
    return origin, _same(again, stepped.loss)


def coarse(stepped: Stepped, step: int) -> Origin:
    """What can be said without a search."""
    named = stepped.names[0] if stepped.names else ""
    became = "nan" if stepped.loss != stepped.loss else "inf" if stepped.loss > 0 else "-inf"
    return Origin(
        phase=COARSE.get(stepped.end, "backward"), step=step, operator="", module="", file="", line=None, cell=None, text="",
        detail="", cause="unknown", became=became if stepped.end == LOSS else "nan", parameter=named,
    )  # fmt: skip
