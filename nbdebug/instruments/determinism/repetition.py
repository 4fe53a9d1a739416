"""One repetition of a training, with a checksum of everything that it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nbdebug import loading
from nbdebug.batch import tensors
from nbdebug.counterfactual import in_training_mode
from nbdebug.findings import Location
from nbdebug.listening import Call, Tape, plain_path
from nbdebug.seeding import seed_generators
from nbdebug.stepping import update
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched
from nbdebug.untouched.digest import values


@dataclass(frozen=True)
class Done:
    """One thing that a training did."""

    step: int
    what: str  # "sample", "forward", "backward", "gradient" or "update"
    name: str
    place: Location
    checksum: str


@dataclass
class Repetition:
    """All that one repetition did, in order."""

    done: list[Done] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def note(self, step: int, what: str, name: str, place: Location, result: Any) -> None:
        self.done.append(Done(step, what, name, place, repr(values(result)) if isinstance(result, Tensor) else repr(result)))


def repeated(setup: TrainingSetup, steps: int, seed: int, beforehand: Callable[[], None] = lambda: None) -> Repetition:
    """A few steps of the training as they would be after `seed_everything(seed)`; afterwards all is as it was.

    Args:
        beforehand: called in the borrowed session before the seed is set.
    """
    repetition = Repetition()
    with untouched(setup, weights=True):
        in_training_mode(setup)
        beforehand()
        seed_generators(seed)
        for delivered in loading.read(setup.train_loader):
            if delivered.number >= steps:
                break
            _note_samples(repetition, delivered)
            _step(setup, repetition, delivered.number, delivered.batch)
    return repetition


def _note_samples(repetition: Repetition, delivered: loading.Delivered) -> None:
    """Sample by sample where the batch is stacked of them."""
    count = len(delivered.indices) if delivered.indices is not None else 0
    for path, tensor in tensors(delivered.batch):
        stacked = count and tensor.ndim and tensor.shape[0] == count and tensor.layout is torch.strided
        parts = {f"dataset index {index}": tensor[row] for row, index in enumerate(delivered.indices or ())} if stacked else {"the batch": tensor}
        for name, part in parts.items():
            place = Location(detail=f"train_loader, {name}" + f", {path}" * bool(path))
            repetition.note(delivered.number, "sample", name, place, part)


def _step(setup: TrainingSetup, repetition: Repetition, number: int, batch: Any) -> None:
    with Tape(setup.model) as tape:
        loss = setup.loss(batch)
    for call in tape.calls:
        for result in call.outputs():
            repetition.note(number, "forward", call.operator, call.location, result)
    repetition.losses.append(float(loss.detach()))
    if not loss.requires_grad or not setup.optimizers:
        return
    _listen_backward(repetition, number, tape)
    setup.backward(loss)
    used = {id(tensor): call for call in tape.calls for tensor in call.inputs()}
    for name, parameter in setup.model.named_parameters():
        if parameter.grad is not None:
            repetition.note(number, "gradient", plain_path(name), _of_parameter(name, used.get(id(parameter))), parameter.grad)
    del tape, used, loss
    update(setup, lambda: setup.loss(batch))
    for name, parameter in setup.model.named_parameters():
        repetition.note(number, "update", plain_path(name), Location(parameter=plain_path(name)), parameter)


def _listen_backward(repetition: Repetition, number: int, tape: Tape) -> None:
    """Notes every gradient that arrives at a result of the forward pass, under the call that sent it there."""
    takers: dict[int, Call] = {index: call for call in tape.calls for index in call.parents if index >= 0}
    for call in tape.calls:
        sender = takers.get(call.index)
        if sender is None:
            continue
        for result in call.outputs():
            if result.requires_grad and result.grad_fn is not None:
                result.register_hook(_noting(repetition, number, sender))


def _noting(repetition: Repetition, number: int, sender: Call) -> Callable[[Tensor], None]:
    name, place = f"backward of {sender.operator}", sender.location

    def note(gradient: Tensor) -> None:
        repetition.note(number, "backward", name, place, gradient.detach())

    return note


def _of_parameter(name: str, call: Call | None) -> Location:
    place = call.location if call is not None else Location()
    return Location(place.module, plain_path(name), place.operator, place.file, place.line, place.cell)
