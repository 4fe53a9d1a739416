"""The tensors of a batch by name and role, and their values as ordinary numbers on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.errors import BatchError
from nbdebug.listening import Tape
from nbdebug.training_setup import TrainingSetup

DENSE_LIMIT = 10_000_000  # elements; a sparse tensor larger than this is not spread out


@dataclass(frozen=True)
class Member:
    """One tensor of a batch."""

    name: str  # "inputs", "inputs[1]", "input_ids", "targets"
    role: str  # "input" or "target"
    tensor: Tensor


def members(batch: Any, setup: TrainingSetup) -> list[Member]:
    """Every tensor that the model or the loss gets from this batch; one that is both counts as input.

    Raises:
        BatchError: inputs and targets cannot be told apart, and there is no `batch_loss` that could.
    """
    try:
        call = batches.split(batch, setup.model)
    except BatchError:
        if setup.batch_loss is None:
            raise
        return _each_once(_named("batch", "input", batch))
    found = _each_once([*_named("targets", "target", call.targets), *_beside(batch, call), *_inputs(call)], keep_inputs_of=call)
    if not any(member.role == "input" for member in found) and setup.batch_loss is None:
        raise BatchError(
            f"there is no tensor for the model in a batch of {batches.describe(batch)}: "
            "let the dataset return tensors, or pass TrainingSetup(batch_loss=lambda setup, batch: ...)"
        )
    return found


def scored(batch: Any, setup: TrainingSetup, targets: list[Tensor], given: Any) -> tuple[str, ...]:
    """Names of the fields that the loss compares something with, where no name tells it; or of the only one that the model is not given.

    Args:
        targets: of torch's losses that were heard.
        given: what the model was called with, args and kwargs; None: that is not known.
    """
    fields = batches.named_fields(batch)
    if not fields:
        return _scored_by_place(batch, setup, targets, given)
    if any(name in fields for name in batches.TARGET_NAMES):
        return ()
    try:
        rest = batches.beside(batch, batches.split(batch, setup.model))
    except BatchError:
        rest = batches.beside(batch, batches.ModelCall((), {}, None))
        taken = [tensor for _, tensor in batches.tensors(given)] if given is not None else []
        alone = [name for name, item in rest.items() if isinstance(item, Tensor) and not any(same_values(tensor, item) for tensor in taken)]
        if taken and len(alone) == 1 < len(rest):
            return (alone[0],)
    return tuple(name for name, item in rest.items() if isinstance(item, Tensor) and any(same_values(target, item) for target in targets))


def _scored_by_place(batch: Any, setup: TrainingSetup, targets: list[Tensor], given: Any) -> tuple[str, ...]:
    """Of a batch without names, what a loss compares something with and the model is not given: targets that stand before the last one."""
    try:
        args = batches.split(batch, setup.model).args
    except BatchError:
        return ()
    taken = [tensor for _, tensor in batches.tensors(given)] if given is not None else []
    beside = [(place, item) for place, item in enumerate(args) if isinstance(item, Tensor) and not any(same_values(tensor, item) for tensor in taken)]
    compared = tuple(f"inputs[{place}]" for place, item in beside if any(same_values(target, item) for target in targets))
    return compared if taken and len(compared) < len(args) else ()


def told_to_the_loss(found: list[Member], told: list[Tensor]) -> tuple[str, ...]:
    """Names of the members that a loss is told beside its targets, as lengths: nothing is learnt from them, and nothing is compared with them."""
    return tuple(member.name for member in found if any(same_values(one, member.tensor) for one in told))


def kept_from_the_model(tape: Tape | None, found: list[Member]) -> tuple[str, ...]:
    """Names of the inputs that no module of the model is given, nor anything that was made of them; none where no module was heard."""
    given = [tensor for call in tape.modules if call.path is not None for _, tensor in batches.tensors([call.args, call.kwargs])] if tape is not None else []
    if not given:
        return ()
    given += [tensor for call in tape.calls if any(isinstance(one, torch.nn.Parameter) for one in call.inputs()) for tensor in call.inputs()]  # a weight used without its module
    made = {index for tensor in given for index in tape.ancestors(tensor)}
    reached = {id(tensor): tensor for tensor in [*given, *(tensor for index in made for tensor in tape.calls[index].inputs())]}
    plain = [tensor for tensor in reached.values() if tape.maker(tensor) is None and not tensor.requires_grad]
    return tuple(
        member.name for member in found
        if member.role == "input" and id(member.tensor) not in reached and not any(same_values(tensor, member.tensor) for tensor in plain)
    )  # fmt: skip


def size_of(found: list[Member], indices: tuple[int, ...] | None) -> int | None:
    """How many samples the batch holds; None when that cannot be told."""
    if indices is not None:
        return len(indices)
    sizes = [member.tensor.shape[0] for member in found if member.tensor.ndim]
    return sizes[0] if sizes else None


def text_targets(batch: Any, setup: TrainingSetup) -> str:
    """What the targets are when they are no tensors, such as `list of str`; empty otherwise."""
    try:
        targets = batches.split(batch, setup.model).targets
    except BatchError:
        return ""
    if targets is None or next(batches.tensors(targets), None) is not None:
        return ""
    if isinstance(targets, (tuple, list)) and targets:
        return f"{type(targets).__name__} of {type(targets[0]).__name__}"
    return type(targets).__name__


def numbers(tensor: Tensor) -> Tensor | None:
    """The values as a real floating CPU tensor of the same shape; None where that is not possible."""
    tensor = tensor.detach()
    if tensor.is_nested or tensor.is_quantized or tensor.device.type == "meta":
        return None
    if tensor.layout is not torch.strided:
        if tensor.numel() > DENSE_LIMIT:
            return None
        tensor = tensor.to_dense()
    tensor = tensor.cpu()
    if tensor.is_complex():
        return tensor.abs()  # not finite exactly where the value is not
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.to(torch.float32)


def same_values(received: Tensor, delivered: Tensor) -> bool:
    """Whether these are the delivered values in the same order, whatever was done to shape, dtype and device."""
    if received.numel() != delivered.numel() or received.numel() == 0 or received.is_nested or delivered.is_nested:
        return False
    if received.layout is not torch.strided or delivered.layout is not torch.strided:
        return False
    one, other = received.detach().cpu().reshape(-1), delivered.detach().cpu().reshape(-1).to(received.dtype)
    return bool(((one == other) | ((one != one) & (other != other))).all())


def _beside(batch: Any, call: batches.ModelCall) -> Iterator[Member]:
    if call.targets is None:
        for name, item in batches.beside(batch, call).items():
            yield from _named(name, "target", item)


def _inputs(call: batches.ModelCall) -> Iterator[Member]:
    lone = len(call.args) == 1 and not call.kwargs
    for position, item in enumerate(call.args):
        yield from _named("inputs" if lone else f"inputs[{position}]", "input", item)
    for name, item in call.kwargs.items():
        yield from _named(name, "input", item)


def _named(prefix: str, role: str, item: Any) -> list[Member]:
    return [Member(prefix + path, role, tensor) for path, tensor in batches.tensors(item)]


def _each_once(found: list[Member], keep_inputs_of: batches.ModelCall | None = None) -> list[Member]:
    """Inputs before targets; labels that the model gets as well stay targets, an autoencoder's input an input."""
    positional = {id(t) for _, t in batches.tensors(keep_inputs_of.args)} if keep_inputs_of else set()
    once: dict[int, Member] = {}
    for member in found:
        if member.role == "target" and id(member.tensor) in positional:
            continue
        once.setdefault(id(member.tensor), member)
    return sorted(once.values(), key=lambda member: member.role)
