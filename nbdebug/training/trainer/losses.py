"""The loss that was configured, or the setup's own with other options.

torch's own classes stay torch's own, so that everything that knows them by their type knows these; only what torch has not is ours: the focal loss,
and smoothed targets of a binary loss.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.errors import ConfigError, first_line
from nbdebug.training.config import Loss, RunConfig
from nbdebug.training.trainer.balance import count_classes

GAMMA = 2.0  # Lin et al. 2017 (arXiv 1708.02002): best of 0 to 5 on COCO
FUNCTIONS = {F.cross_entropy: nn.CrossEntropyLoss, F.binary_cross_entropy_with_logits: nn.BCEWithLogitsLoss}


class Focal(nn.Module):
    """Cross-entropy in which what is learnt already counts less: the mean of -(1 - p)^gamma log p, p the probability of the truth.

    Targets of class numbers, shape (N, …), go with outputs (N, C, …) and a softmax; targets as floating as the outputs and of their shape
    are 0 and 1 of independent questions, and go with a sigmoid. With gamma 0 it is torch's CrossEntropyLoss, or BCEWithLogitsLoss.
    """

    def __init__(self, gamma: float = GAMMA, weight: Tensor | None = None, label_smoothing: float = 0.0, ignore_index: int = -100) -> None:
        super().__init__()
        self.gamma, self.label_smoothing, self.ignore_index = gamma, label_smoothing, ignore_index
        self.register_buffer("weight", weight)

    def forward(self, outputs: Any, targets: Tensor) -> Tensor:
        predicted = batches.prediction(outputs)
        if targets.is_floating_point():
            return self._independent(predicted, targets.reshape(predicted.shape))
        return self._classes(predicted, targets)

    def _classes(self, logits: Tensor, targets: Tensor) -> Tensor:
        logs = F.log_softmax(logits.float(), 1)  # (N, C, …)
        counted = targets != self.ignore_index
        truth = torch.zeros_like(logs).scatter_(1, targets.where(counted, 0).unsqueeze(1), 1.0)
        each = torch.ones(logs.shape[1], device=logs.device) if self.weight is None else self.weight.to(logs)
        share = (1 - self.label_smoothing) * truth + self.label_smoothing / logs.shape[1]
        losses = -(share * each.view(-1, *[1] * (logs.ndim - 2)) * (1 - logs.exp()) ** self.gamma * logs).sum(1)
        total = each[targets.where(counted, 0)][counted].sum()  # torch's own mean is over the weights of the true classes
        return losses[counted].sum() / total

    def _independent(self, logits: Tensor, targets: Tensor) -> Tensor:
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        right, wrong = F.logsigmoid(logits.float()), F.logsigmoid(-logits.float())
        ones = 1.0 if self.weight is None else self.weight.to(logits)  # as pos_weight of torch's binary loss
        return -(ones * targets * wrong.exp() ** self.gamma * right + (1 - targets) * right.exp() ** self.gamma * wrong).mean()


class SmoothedBinary(nn.Module):
    """A binary loss whose zeros and ones are moved towards one half."""

    def __init__(self, loss: nn.BCEWithLogitsLoss, label_smoothing: float) -> None:
        super().__init__()
        self.loss, self.label_smoothing = loss, label_smoothing

    def forward(self, outputs: Any, targets: Tensor) -> Tensor:
        predicted = batches.prediction(outputs)
        return self.loss(predicted, targets * (1 - self.label_smoothing) + self.label_smoothing / 2)


def build_loss(
    config: RunConfig, own: Callable[..., Tensor] | None = None, train_loader: Iterable[Any] | None = None, device: torch.device | str = "cpu"
) -> Callable[..., Tensor] | None:
    """The loss of a training; the setup's own, untouched, where the configuration says nothing of a loss.

    Args:
        own: of the setup; None: the model returns its own.
        train_loader: whose labels are counted for `class_weights: balanced`.
        device: of weights.

    Raises:
        ConfigError: the loss has not these options, or the labels cannot be counted.
    """
    told = config.loss
    if told is None:
        return own
    if told.type is None and own is None:
        raise ConfigError("loss has options and no type, and the setup's model makes its loss itself: say loss.type, or leave `loss` out")
    if told.type is None and not (told.label_smoothing or told.gamma is not None or told.class_weights is not None or told.options):
        return own
    kind = told.type or _kind_of(own)
    if not kind:
        raise ConfigError("loss has options and no type, and the setup's loss is a function of yours that nothing is known of: say loss.type, or change it there")
    options = {**({} if told.type else _options_of(own)), **_tensors(told.options, device)}
    if told.class_weights is not None:
        options[_weight_of(kind)] = _weights(told, train_loader, binary="BCEWithLogitsLoss" in (kind, _kind_of(own))).to(device)
    if kind == "focal" or told.gamma is not None:
        return _focal(told, kind, options, device)
    if kind == "CrossEntropyLoss":
        return _made(nn.CrossEntropyLoss, {**options, **({"label_smoothing": told.label_smoothing} if told.label_smoothing else {})}, device)
    made = _made(getattr(nn, kind), options, device)
    if told.label_smoothing and kind != "BCEWithLogitsLoss":
        raise ConfigError(f"loss.label_smoothing is for cross_entropy, bce and focal, and the loss is {kind}")
    return SmoothedBinary(made, told.label_smoothing) if told.label_smoothing else made


def _focal(told: Loss, kind: str, options: dict[str, Any], device: torch.device | str) -> nn.Module:
    if kind not in ("focal", "CrossEntropyLoss", "BCEWithLogitsLoss"):
        raise ConfigError(f"loss.gamma makes a focal loss of cross_entropy or bce, and the loss is {kind}")
    weight = options.get("weight", options.get("pos_weight"))
    smoothing = told.label_smoothing or options.get("label_smoothing", 0.0)
    gamma = GAMMA if told.gamma is None else told.gamma
    return _made(Focal, {"gamma": gamma, "weight": weight, "label_smoothing": smoothing, "ignore_index": options.get("ignore_index", -100)}, device)


def _kind_of(own: Any) -> str:
    """The name of torch's class of a loss, also of its function; "" for one of the user's."""
    if isinstance(own, functools.partial):
        own = own.func
    if own in FUNCTIONS:
        return FUNCTIONS[own].__name__
    return type(own).__name__ if type(own).__module__.startswith("torch.nn") else ""


def _options_of(own: Any) -> dict[str, Any]:
    """The options of one of torch's losses, as it has them now."""
    if isinstance(own, functools.partial):
        return dict(own.keywords)
    names = inspect.signature(type(own)).parameters if isinstance(own, nn.Module) else ()
    return {name: getattr(own, name) for name in names if getattr(own, name, None) is not None}


def _tensors(options: dict[str, Any], device: torch.device | str) -> dict[str, Any]:
    as_tensor = {name: torch.tensor(value, device=device, dtype=torch.get_default_dtype()) for name, value in options.items() if isinstance(value, list)}
    return {**options, **as_tensor}


def _made(kind: Callable[..., nn.Module], options: dict[str, Any], device: torch.device | str) -> nn.Module:
    try:
        return kind(**options).to(device)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{kind.__name__} cannot be made of these options: {first_line(error)}") from error


def _weight_of(kind: str) -> str:
    if kind in ("CrossEntropyLoss", "NLLLoss", "focal"):
        return "weight"
    if kind == "BCEWithLogitsLoss":
        return "pos_weight"
    raise ConfigError(f"loss.class_weights is for losses of classes, and the loss is {kind or 'one of your own'}")


def _weights(told: Loss, train_loader: Iterable[Any] | None, binary: bool) -> Tensor:
    """A weight for each class; for a binary loss that of the ones over that of the zeros."""
    if told.class_weights != "balanced":
        weights = torch.tensor(told.class_weights, dtype=torch.get_default_dtype())
        return weights[1:] / weights[0] if binary and len(weights) == 2 else weights
    counts = count_classes(train_loader)
    weights = counts.sum() / (len(counts) * counts.clamp(min=1))  # as scikit-learn's class_weight="balanced"
    return (weights[1:] / weights[:1] if binary else weights).to(torch.get_default_dtype())
