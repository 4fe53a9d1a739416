"""One step of the training, heard: what the model got, what it gave, and how the loss was called on it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from nbdebug import batch as batches
from nbdebug.loss_call import BINARY, CLASS_INDEX, LOSSES, REGRESSION
from nbdebug.training_setup import TrainingSetup

BESIDE = ("mask", "token_type_ids", "position_ids", "lengths")  # parts of names of inputs that carry no content
Change = Callable[[Tensor], Tensor]  # what is done to each tensor that the model gets


@dataclass
class Heard:
    """What one step said. It holds tensors: keep it only as long as it is read."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    outputs: Any = None
    times: int = 0  # that the model was called
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # of torch's losses: name, arguments by name
    values: list[Tensor] = field(default_factory=list)  # what each of these gave
    loss: Tensor | None = None

    @property
    def inputs(self) -> list[tuple[str, Tensor]]:
        """What the model got, but for masks, targets and other company, by name."""
        given = [*((str(i), value) for i, value in enumerate(self.args)), *self.kwargs.items()]
        return [(name, t) for name, value in given if not _is_company(name) for _, t in batches.tensors(value) if _is_content(t)]


@contextlib.contextmanager
def listening(model: nn.Module, change: Change | None = None) -> Iterator[Heard]:
    """Hears the step that runs inside; with a `change` the model gets other inputs."""
    heard = Heard()

    def before(module: nn.Module, args: Any, kwargs: Any) -> Any:
        heard.times += 1
        heard.args, heard.kwargs = args, kwargs
        return None if change is None else (_changed(args, change), {k: v if _is_company(k) else _changed(v, change) for k, v in kwargs.items()})

    def after(module: nn.Module, args: Any, output: Any) -> None:
        heard.outputs = output

    with contextlib.ExitStack() as stack:
        stack.callback(model.register_forward_pre_hook(before, with_kwargs=True).remove)
        stack.callback(model.register_forward_hook(after).remove)
        stack.enter_context(_Losses(heard))
        yield heard


def heard_step(setup: TrainingSetup, batch: Any, change: Change | None = None) -> Heard:
    """The forward half of a step, heard."""
    with listening(setup.model, change) as heard:
        heard.loss = setup.loss(batch)
    return heard


class _Losses(TorchFunctionMode):
    """Notes each call of a torch loss. Inside a call the mode is off, so that only the outermost is heard."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name in LOSSES and isinstance(answer, Tensor) and getattr(F, name, None) is function:
            given = inspect.signature(function).bind(*args, **(kwargs or {})).arguments
            self._heard.calls.append((name, dict(given)))
            self._heard.values.append(answer.detach())
        return answer


# -- inputs that say nothing, or belong to another sample ----------------------------------------------------------------


def zeroed(tensor: Tensor) -> Tensor:
    """The same for every sample: zeros, of tokens the same one everywhere."""
    if not _is_content(tensor):
        return tensor
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.uint8:
        return torch.zeros_like(tensor)
    return torch.full_like(tensor, int(tensor.median())) if tensor.numel() else tensor


def permuted(samples: int, seed: int) -> Change:
    """Every sample gets the inputs of another one; what has no entry for each sample stays."""
    order = torch.roll(torch.arange(samples), 1 + seed % max(1, samples - 1))

    def change(tensor: Tensor) -> Tensor:
        return tensor[order.to(tensor.device)] if tensor.ndim and tensor.shape[0] == samples else tensor

    return change


def can_be_changed(setup: TrainingSetup, batch: Any, plain: Heard, change: Change) -> str:
    """Why these inputs cannot be exchanged; empty when they can."""
    if not plain.times:
        return "the step does not call the model itself, so that its inputs cannot be exchanged"
    if not plain.inputs:
        return "the model gets no tensors that could be exchanged, such as a graph"
    if all(torch.equal(change(t), t) for _, t in plain.inputs):
        return "no input of the model has an entry for each sample, or all are the same"
    with torch.no_grad():
        other = heard_step(setup, batch, change)
    targets, others = ([given["target"] for _, given in heard.calls if isinstance(given.get("target"), Tensor)] for heard in (plain, other))
    if len(targets) != len(others) or any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(targets, others, strict=True)):
        return "the targets are made from what the model gets, or drawn anew, so that its inputs cannot be exchanged alone"
    return ""


def kind_of(name: str) -> str:
    """What kind of task a torch loss belongs to."""
    return "classes" if name in CLASS_INDEX else "binary" if name in BINARY else "numbers" if name in REGRESSION else ""


def _changed(value: Any, change: Change) -> Any:
    return batches.map_tensors(change, value)


def _is_company(name: str) -> bool:
    return name in batches.TARGET_NAMES or any(part in name for part in BESIDE)


def _is_content(tensor: Tensor) -> bool:
    return tensor.ndim > 0 and tensor.dtype != torch.bool and tensor.layout == torch.strided
