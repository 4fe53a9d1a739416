"""What is debugged: a model with all that trains it, and the three verbs of a training step.

Only here is it known how autocast and GradScaler wrap a step, and how a batch meets model and loss.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import Dataset, IterableDataset

from nbdebug import batch as batches
from nbdebug.errors import NbdebugError, SetupError, StepError, first_line

ZERO_GRAD = Optimizer.zero_grad
PRECISIONS = {  # name → autocast dtype; "-true" means that the model already has that dtype
    "32-true": None,
    "64-true": None,
    "16-true": None,
    "bf16-true": None,
    "16-mixed": torch.float16,
    "bf16-mixed": torch.bfloat16,
}
ALIASES = {
    "32": "32-true", "fp32": "32-true", "float32": "32-true", "64": "64-true", "float64": "64-true",
    "16": "16-mixed", "fp16": "16-mixed", "float16": "16-mixed", "bf16": "bf16-mixed", "bfloat16": "bf16-mixed",
}  # fmt: skip


@dataclass(frozen=True)
class TrainingSetup:
    """A training, ready to be examined.

    Args:
        model: the module whose parameters are trained.
        loss_fn: called as `loss_fn(outputs, targets)`; torch's own losses get the prediction tensor, a loss of
            yours gets exactly what the model returned. None when the model returns its own `.loss`.
        optimizer: one optimizer, or several in a tuple or list.
        train_loader: yields batches; must be iterable more than once (not a generator).
        val_loader: as `train_loader`.
        scheduler: a learning-rate scheduler, or several.
        scaler: a `torch.amp.GradScaler`; needed for "16-mixed".
        precision: "32-true", "16-mixed", "bf16-mixed" (also "16-true", "bf16-true", "64-true").
        batch_loss: `batch_loss(setup, batch) -> Tensor ()`, for steps that are not `loss_fn(model(inputs), targets)`.
        device: where batches are moved; None: where the model's first parameter is.

    Raises:
        SetupError: a part is not what its name says.
    """

    model: nn.Module
    loss_fn: Callable[..., Tensor] | None = None
    optimizer: Optimizer | Iterable[Optimizer] | None = None
    train_loader: Iterable[Any] | None = None
    val_loader: Iterable[Any] | None = None
    scheduler: Any = None
    scaler: Any = None
    precision: str = "32-true"
    batch_loss: Callable[[TrainingSetup, Any], Tensor] | None = None
    device: torch.device | str | None = None
    optimizers: tuple[Optimizer, ...] = field(init=False, repr=False, default=())
    schedulers: tuple[Any, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        if not isinstance(self.model, nn.Module):
            raise SetupError(f"model must be a torch.nn.Module, got {type(self.model).__name__}")
        if "_parameters" not in vars(self.model):
            raise SetupError(f"{type(self.model).__name__} was not initialised: call super().__init__() in its __init__")
        for name in ("loss_fn", "batch_loss"):
            value = getattr(self, name)
            if isinstance(value, type):
                raise SetupError(f"{name} is the class {value.__name__}: pass an instance of it, {value.__name__}()")
            if value is not None and not callable(value):
                raise SetupError(f"{name} must be callable, got {type(value).__name__}")
        for name in ("train_loader", "val_loader"):
            _demand_batches(name, getattr(self, name))
        precision = ALIASES.get(str(self.precision).lower(), str(self.precision).lower())
        if precision not in PRECISIONS:
            raise SetupError(f"precision {self.precision!r} is not known: take one of {', '.join(PRECISIONS)}")
        object.__setattr__(self, "precision", precision)
        object.__setattr__(self, "optimizers", _several(self.optimizer))
        object.__setattr__(self, "schedulers", _several(self.scheduler))
        for optimizer in self.optimizers:
            if not isinstance(optimizer, Optimizer):
                raise SetupError(f"optimizer must be a torch.optim.Optimizer, got {type(optimizer).__name__}")
        for scheduler in self.schedulers:
            if not callable(getattr(scheduler, "step", None)):
                raise SetupError(f"scheduler must have a step(), got {type(scheduler).__name__}")
        if self.scaler is not None and not isinstance(self.scaler, torch.amp.GradScaler):
            raise SetupError(f"scaler must be a torch.amp.GradScaler, got {type(self.scaler).__name__}")
        object.__setattr__(self, "device", self._home() if self.device is None else _device(self.device))

    # -- the three verbs ------------------------------------------------------------------------------------

    def loss(self, batch: Any) -> Tensor:
        """The training loss of one batch, under the setup's precision.

        Returns:
            Tensor of shape (), in loss units, with its graph.

        Raises:
            SetupError: there is no loss, or it is not one number.
            StepError: the user's code raised; the original is `__cause__`.
        """
        batch = self.moved(batch)
        with self.autocast():
            if self.batch_loss is not None:
                with _users_code("batch_loss"):
                    return _one_number(self.batch_loss(self, batch))
            call = batches.split(batch, self.model)
            with _users_code("the forward pass"):
                outputs = self.model(*call.args, **call.kwargs)
            return _one_number(self._compare(outputs, call.targets))

    def backward(self, loss: Tensor) -> None:
        """Backpropagates the loss, scaled when a GradScaler is enabled."""
        with _users_code("the backward pass"):
            (self.scaler.scale(loss) if self.scaler is not None else loss).backward()

    def step(self) -> None:
        """One update by every optimizer through the scaler; gradients are cleared, schedulers left alone."""
        with _users_code("optimizer.step()"):
            for optimizer in self.optimizers:
                if self.scaler is None:
                    optimizer.step()
                elif any(p.grad is not None for g in optimizer.param_groups for p in g["params"]):
                    self.scaler.step(optimizer)
            if self.scaler is not None and self.optimizers:
                self.scaler.update()
            for optimizer in self.optimizers:
                _clear(optimizer)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """For a `batch_loss` that takes what it is given for the model: says what it is."""
        raise TypeError("batch_loss(setup, batch) is given the whole setup, not the model: write setup.model(...) there")

    # -- what the verbs are made of, for instruments that look between them -----------------------------------

    def outputs(self, batch: Any) -> Any:
        """What the model returns for a batch, under the setup's precision.

        Raises:
            SetupError: the step is a `batch_loss`, so how the model is called is not known.
        """
        if self.batch_loss is not None:
            raise SetupError("with batch_loss= only the loss of a batch is known, not the model's outputs")
        batch = self.moved(batch)
        call = batches.split(batch, self.model)
        with self.autocast(), _users_code("the forward pass"):
            return self.model(*call.args, **call.kwargs)

    def moved(self, batch: Any) -> Any:
        """The batch with its tensors on the setup's device."""
        if _there(batch, self.device):
            return batch.copy() if type(batch) is list else batch
        with _users_code(f"moving the batch to {self.device}"):
            return batches.to_device(batch, self.device)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The autocast context of the setup's precision. Without one it is switched off: around a whole cell it would
        keep its casts of the weights, and an update would not be seen."""
        dtype = PRECISIONS[self.precision]
        if dtype is None and not torch.is_autocast_enabled(self.device.type):
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def scale(self) -> float:
        """The factor by which `backward` multiplies gradients; 1 without an enabled scaler."""
        return float(self.scaler.get_scale()) if self.scaler is not None and self.scaler.is_enabled() else 1.0

    def _compare(self, outputs: Any, targets: Any) -> Any:
        if self.loss_fn is None:
            loss = batches.own_loss(outputs)
            if loss is None:
                raise SetupError(
                    f"there is no loss: the model returned {batches.describe(outputs)} without a .loss; "
                    "pass TrainingSetup(loss_fn=...) or batch_loss=..."
                )
            return loss
        if targets is None:
            raise SetupError(
                "the batch has no targets that nbdebug knows by name "
                f"({', '.join(batches.TARGET_NAMES[:5])}): pass TrainingSetup(batch_loss=lambda setup, batch: ...)"
            )
        if is_torch_loss(self.loss_fn):
            predicted = batches.prediction(outputs)
            outputs = outputs if predicted is None else predicted
        with _users_code("the loss"):
            return self.loss_fn(outputs, targets)

    def _home(self) -> torch.device:
        for tensor in (*self.model.parameters(), *self.model.buffers()):
            return tensor.device
        return torch.device("cpu")


def is_torch_loss(loss_fn: Any) -> bool:
    """Whether this is one of torch's own losses, which compare one prediction tensor with the targets."""
    return type(loss_fn).__module__.startswith("torch.nn") or getattr(loss_fn, "__module__", "") == "torch.nn.functional"


def _demand_batches(name: str, loader: Any) -> None:
    if isinstance(loader, (Dataset, str, Mapping)) and not isinstance(loader, IterableDataset):
        raise SetupError(
            f"{name} is a {type(loader).__name__}, which does not give batches: "
            "pass a DataLoader, such as DataLoader(dataset, batch_size=32, shuffle=True)"
        )
    if loader is not None and not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
        raise SetupError(f"{name} must be iterable, got {type(loader).__name__}")


def _device(device: torch.device | str) -> torch.device:
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise SetupError(f"device {device!r} is not known to torch: say \"cpu\" or \"cuda:0\"") from error


def _there(batch: Any, device: Any) -> bool:
    """Whether this is a plain tuple or list of tensors on the device, as most batches in memory are."""
    return (type(batch) is list or type(batch) is tuple) and all(type(item) is Tensor and item.device == device for item in batch)


def _several(one_or_more: Any) -> tuple[Any, ...]:
    if one_or_more is None:
        return ()
    return tuple(one_or_more) if isinstance(one_or_more, (tuple, list)) else (one_or_more,)


def _clear(optimizer: Optimizer) -> None:
    """Without gradients; as torch does it, but for a mark in its profiler, which takes longer than all the rest."""
    if type(optimizer).zero_grad is not ZERO_GRAD or "zero_grad" in vars(optimizer):  # the user's own, or somebody listens
        optimizer.zero_grad(set_to_none=True)
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def _one_number(loss: Any) -> Tensor:
    if isinstance(loss, Tensor) and loss.numel() == 1 and not loss.is_complex():
        return loss.reshape(()) if loss.ndim else loss
    seen = batches.describe(loss)
    raise SetupError(f"the loss must be one real number, got {seen}: reduce it, with reduction='mean' or .mean()")


class _users_code:
    """Around what the user wrote: what it raises becomes a StepError. A generator would take five times as long, five times a step."""

    __slots__ = ("_part",)

    def __init__(self, part: str) -> None:
        self._part = part

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, NbdebugError):  # KeyboardInterrupt goes through
            raise StepError(f"{self._part} raised {type(error).__name__}: {first_line(error)}") from error
