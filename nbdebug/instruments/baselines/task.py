"""What is predicted, and how predictions of any origin are scored as the user's loss scores those of the model."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nbdebug import batch as batches
from nbdebug.errors import BatchError
from nbdebug.instruments.baselines.hearing import Heard, kind_of
from nbdebug.instruments.baselines.scores import Ratio, Scores
from nbdebug.training_setup import TrainingSetup

SAME = 1e-3  # relative; a loss that differs by more from the call's value has other terms in it
LOGITS = "binary_cross_entropy_with_logits"


@dataclass(frozen=True)
class Scored:
    """The part of a batch that predictions are scored with; the predictions of the model are not kept."""

    samples: int  # of the batch
    targets: Tensor
    shape: tuple[int, ...]  # of the predictions
    inputs: tuple[tuple[str, Tensor], ...]  # what the model got, without its company
    settings: dict[str, Any]  # of the loss call: weights, label smoothing, …


@dataclass(frozen=True)
class Task:
    """How the loss of this training is computed, as far as it could be heard."""

    loss: str  # "cross_entropy", "your loss"
    kind: str  # "classes", "binary", "numbers", "own" (any other loss of predictions and targets) or "" (only the loss itself is known)
    whole: bool  # whether that is all of the loss
    compare: Callable[[Tensor, Tensor], Tensor] | None = None  # the user's own loss function, of kind "own"
    apart: bool = False  # of kind "own": whether it is the mean over samples, each for itself

    def scored(self, setup: TrainingSetup, batch: Any, heard: Heard) -> tuple[Scored | None, Tensor | None]:
        """What predictions of this batch are scored with, and those of the model."""
        samples = samples_of(batch, heard)
        if self.kind == "":
            return None, None
        if self.kind == "own":
            predictions, targets, settings = batches.prediction(heard.outputs), batches.split(setup.moved(batch), setup.model).targets, {}
        else:
            given = next(given for name, given in heard.calls if name == self.loss)
            predictions, targets = given["input"], given["target"]
            settings = {k: v for k, v in given.items() if k not in ("input", "target", "size_average", "reduce", "reduction")}
        predictions = predictions.detach()
        predictions = predictions.float() if predictions.dtype in (torch.float16, torch.bfloat16) else predictions
        if predictions.ndim == 0:  # one sample without a batch dimension
            predictions, targets = predictions.reshape(1), targets.reshape(1)
        return Scored(samples, targets.detach(), tuple(predictions.shape), tuple(heard.inputs), settings), predictions

    def scores(self, scored: Scored, predictions: Tensor, middle: Tensor | None = None) -> Scores:
        """What these predictions get on a batch. `middle` is the mean target, which R² compares with."""
        if self.kind == "own":
            return Scores(_own(self.compare, predictions, scored, self.apart))
        parts, weights = self._elements(scored, predictions)
        loss = Ratio(_by_sample(parts, scored.samples), _by_sample(weights, scored.samples))
        return Scores(loss, self._errors(scored, predictions, middle))

    def answers(self, scored: Scored, predictions: Tensor) -> Tensor | None:
        """(n,) the one class or number that is said of each sample; None where a sample has several."""
        if self.kind == "classes" and scored.shape[0] == scored.samples and scored.targets.numel() == scored.samples:
            return predictions.argmax(1).reshape(-1).cpu()
        if self.kind in ("binary", "numbers") and torch.Size(scored.shape).numel() == scored.samples:
            said = predictions.reshape(-1).float().cpu()
            return said if self.kind == "numbers" else (said > (0.0 if self.loss == LOGITS else 0.5)).long()
        return None

    def mean_loss(self, scored: Scored, predictions: Tensor) -> Tensor:
        """The same with its graph, for what is fitted through it."""
        if self.kind == "own":
            assert self.compare is not None
            return self.compare(predictions, scored.targets)
        parts, weights = self._elements(scored, predictions)
        return parts.sum() / weights.sum()

    def _elements(self, scored: Scored, predictions: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of every element, and what it weighs in the mean."""
        targets = scored.targets
        if self.kind == "binary" and targets.shape != predictions.shape:
            targets = targets.reshape(predictions.shape)
        targets = targets if self.kind == "classes" else targets.to(predictions.dtype).expand_as(predictions)
        parts = getattr(F, self.loss)(predictions, targets, reduction="none", **scored.settings)
        weights = torch.ones_like(parts)
        if self.kind == "classes" and not targets.is_floating_point():
            counted = targets != scored.settings.get("ignore_index", -100)
            given = scored.settings.get("weight")
            weights = counted.to(parts) if given is None else counted * given.to(parts)[targets.clamp_min(0)]
        return parts, weights

    def _errors(self, scored: Scored, predictions: Tensor, middle: Tensor | None) -> Ratio | None:
        targets, samples = scored.targets, scored.samples
        if self.kind == "classes":
            hard = targets.argmax(1) if targets.is_floating_point() else targets
            counted = hard != scored.settings.get("ignore_index", -100)
            wrong = (predictions.argmax(1 if predictions.ndim > 1 else 0) != hard) & counted
            return Ratio(_by_sample(wrong, samples), _by_sample(counted, samples))
        if self.kind == "binary":
            hard = targets.reshape(predictions.shape) > 0.5
            wrong = (predictions > (0.0 if self.loss == LOGITS else 0.5)) != hard
            return Ratio(_by_sample(wrong, samples), _by_sample(torch.ones_like(wrong), samples))
        if middle is None:
            return None
        spread = (targets - middle.to(targets).expand_as(targets)) ** 2
        return Ratio(_by_sample((predictions - targets) ** 2, samples), _by_sample(spread, samples))


def task_of(setup: TrainingSetup, batch: Any, heard: Heard) -> Task:
    """The task of a training, from one step of it."""
    known = [(name, given) for name, given in heard.calls if kind_of(name) and isinstance(given.get("target"), Tensor)]
    if known:
        name, given = next((one for one in known if kind_of(one[0]) == "classes"), known[0])
        kind = kind_of(name)
        task = Task(name, kind, False)
        if not _fits(kind, given):
            return Task(name, "", False)
        scored, predictions = task.scored(setup, batch, heard)
        loss = task.scores(scored, predictions).loss
        value = float(loss.parts.sum()) if given.get("reduction") == "sum" else loss.value
        return replace(task, whole=len(heard.calls) == 1 and _same(value, float(heard.loss)))
    if not _is_own(setup, batch, heard):
        return Task("your loss", "", True)
    task = Task("your loss", "own", True, setup.loss_fn)
    scored, predictions = task.scored(setup, batch, heard)
    return replace(task, apart=_is_a_mean(setup.loss_fn, (predictions, predictions.flip(0)), scored))


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))


def samples_of(batch: Any, heard: Heard | None = None) -> int:
    """How many samples a batch has; what the model got says it where the batch does not."""
    size = batches.batch_size(batch)
    if size is None and heard is not None and heard.inputs:
        size = heard.inputs[0][1].shape[0]
    return size or 1


def _fits(kind: str, given: dict[str, Any]) -> bool:
    predictions, targets = given["input"], given["target"]
    if kind == "classes":
        return predictions.ndim > 1 and (targets.shape == predictions.shape or targets.ndim == predictions.ndim - 1)
    return predictions.numel() == targets.numel() if kind == "binary" else predictions.shape == targets.shape


def _is_own(setup: TrainingSetup, batch: Any, heard: Heard) -> bool:
    """Whether the loss is a function of one tensor of predictions and one of targets, which can be called again."""
    if setup.loss_fn is None or setup.batch_loss is not None or not isinstance(heard.outputs, Tensor) or heard.times != 1:
        return False
    with contextlib.suppress(BatchError):
        targets = batches.split(setup.moved(batch), setup.model).targets
        return isinstance(targets, Tensor) and targets.ndim > 0 and heard.outputs.ndim > 0 and len(targets) == len(heard.outputs)
    return False


def _by_sample(elements: Tensor, samples: int) -> Tensor:
    """Summed for each sample, as far as the first dimension tells them apart."""
    elements = elements.detach().double()
    rows = samples if elements.ndim and elements.shape[0] % samples == 0 else elements.shape[0] if elements.ndim else 1
    return elements.reshape(rows, -1).sum(1).cpu()


def _own(compare: Any, predictions: Tensor, scored: Scored, apart: bool) -> Ratio:
    """A loss of the user's: sample by sample, or the batch as one."""
    count = len(predictions)
    if not apart:
        return Ratio(torch.tensor([float(compare(predictions, scored.targets)) * count]).double(), torch.tensor([float(count)]).double())
    rows = torch.tensor([float(compare(predictions[i : i + 1], scored.targets[i : i + 1])) for i in range(count)], dtype=torch.float64)
    return Ratio(rows, torch.ones_like(rows))


def _is_a_mean(compare: Any, several: tuple[Tensor, ...], scored: Scored) -> bool:
    """Whether the loss of a batch is the mean of those of its samples, for all of these predictions."""
    with contextlib.suppress(Exception), torch.no_grad():  # a loss that compares samples with each other cannot do with one
        wholes = [float(compare(predictions, scored.targets)) for predictions in several]
        means = [_own(compare, predictions, scored, True).value for predictions in several]
        return all(math.isclose(a, b, rel_tol=SAME, abs_tol=1e-6) for a, b in zip(wholes, means, strict=True))
    return False
