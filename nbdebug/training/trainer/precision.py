"""The steps of an update, in the one order in which mixed precision, accumulation and clipping are right together.

    of each batch    loss × weight → × scale → backward        gradients of several batches add up, the ranks' are averaged with the last
    then             ÷ scale → clip → step → scale anew → clear     schedules and averages follow only when the step was not skipped
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nbdebug.errors import SetupError
from nbdebug.stepping import needs_closure
from nbdebug.training.config import Training
from nbdebug.training.trainer.loading import Delivered
from nbdebug.training.trainer.mixing import Mixing
from nbdebug.training.trainer.together import Together
from nbdebug.training_setup import TrainingSetup


class Whole(nn.Module):
    """The loss of a batch as a module.

    DDP averages the gradients of what runs in its forward; so the whole loss does, whether the model is called once, through methods of its own,
    or by a `batch_loss`. What the loss itself trains, and what else the optimizers hold, is averaged with it.
    """

    def __init__(self, setup: TrainingSetup, mixing: Mixing | None = None) -> None:
        super().__init__()
        self.model, self.setup, self.mixing = setup.model, setup, mixing
        self.loss_fn = setup.loss_fn if isinstance(setup.loss_fn, nn.Module) else None
        known = {id(p) for p in self.parameters()}
        held = {id(p): p for p in owned(setup) if id(p) not in known}
        self.others = nn.ParameterList(held.values())

    def forward(self, batch: Any) -> Tensor:
        if self.mixing is None:
            return self.setup.loss(batch)
        batch, loss_fn = self.mixing.batch(self.setup.moved(batch), self.model, self.setup.loss_fn)
        return replace(self.setup, loss_fn=loss_fn).loss(batch)


def owned(setup: TrainingSetup) -> list[nn.Parameter]:
    """What the optimizers train, each once."""
    return list({id(p): p for optimizer in setup.optimizers for group in optimizer.param_groups for p in group["params"]}.values())


class Updated(NamedTuple):
    """What an update was."""

    loss: Tensor  # () of this rank, before the step; the mean over the ranks is the mean over all samples
    skipped: bool  # by the scaler, for its gradients were not finite
    gradient_norm: Tensor | None  # of all gradients together, before they were shortened; None when nobody asked


class Updates(ABC):
    """Takes the batches of an update, then makes it.

    Args:
        setup: whose optimizers step.
        whole: gives the loss of a batch; wrapped where there are several ranks.
    """

    def __init__(self, setup: TrainingSetup, whole: nn.Module, told: Training) -> None:
        self.setup, self.whole, self._told = setup, whole, told
        self._owned = owned(setup)
        self._several = isinstance(whole, nn.parallel.DistributedDataParallel)

    @abstractmethod
    def take(self, delivered: Delivered) -> None:
        """One batch of the update."""

    def loss(self) -> Tensor | None:
        """Of the batches so far, of this rank; None where only the step itself will ask for it."""
        return None

    def plain(self) -> Whole:
        """What gives the loss of a batch on this rank alone."""
        return self.whole.module if self._several else self.whole  # type: ignore[return-value]

    @abstractmethod
    def drop(self) -> None:
        """There will be no step for these batches."""

    @abstractmethod
    def update(self, *, norm: bool = False) -> Updated:
        """The step, after the last batch.

        Args:
            norm: whether the gradients' norm is wanted.
        """

    def _backward(self, delivered: Delivered) -> Tensor:
        """The weighted loss, without its graph."""
        if self._several and not delivered.ends:  # the ranks' gradients are averaged with the last batch of an update alone
            with self.whole.no_sync():  # type: ignore[operator]
                return self._passed(delivered)
        return self._passed(delivered)

    def _passed(self, delivered: Delivered) -> Tensor:
        loss = self.whole(delivered.batch)
        if delivered.weight != 1.0:
            loss = loss * delivered.weight
        self.setup.backward(loss)
        return loss.detach()

    def _clipped(self, norm: bool) -> Tensor | None:
        """The norm of the gradients, which then are no longer than the configuration allows."""
        told = self._told
        if told.clip_value is not None:
            nn.utils.clip_grad_value_(self._owned, told.clip_value)
        if told.clip_norm is not None:
            return nn.utils.clip_grad_norm_(self._owned, told.clip_norm)
        return nn.utils.get_total_norm([p.grad for p in self._owned if p.grad is not None]) if norm else None


class Stepwise(Updates):
    """One backward pass a batch, then one step of every optimizer."""

    _loss: Tensor | None = None

    def take(self, delivered: Delivered) -> None:
        loss = self._backward(delivered)
        self._loss = loss if self._loss is None else self._loss + loss

    def loss(self) -> Tensor | None:
        return self._loss

    def drop(self) -> None:
        self._loss = None

    def update(self, *, norm: bool = False) -> Updated:
        assert self._loss is not None
        loss, self._loss, scaler = self._loss, None, self.setup.scaler
        if scaler is None:
            length = self._clipped(norm)
            self.setup.step()
            return Updated(loss, False, length)
        if norm or self._told.clip_norm is not None or self._told.clip_value is not None:
            for optimizer in self.setup.optimizers:
                if any(p.grad is not None for group in optimizer.param_groups for p in group["params"]):
                    scaler.unscale_(optimizer)
        length, before = self._clipped(norm), scaler.get_scale()
        self.setup.step()
        return Updated(loss, scaler.get_scale() < before, length)


class ByClosure(Updates):
    """For optimizers that ask for the loss several times a step, such as LBFGS: the batches of the update are kept and passed again."""

    def __init__(self, setup: TrainingSetup, whole: nn.Module, told: Training, together: Together) -> None:
        super().__init__(setup, whole, told)
        self._together = together
        self._kept: list[Delivered] = []
        self._seen: list[tuple[Tensor, Tensor | None]] = []  # loss and norm, each time the optimizer asked

    def take(self, delivered: Delivered) -> None:
        self._kept.append(delivered)

    def drop(self) -> None:
        self._kept = []

    def update(self, *, norm: bool = False) -> Updated:
        for optimizer in self.setup.optimizers:
            optimizer.step(lambda: self._again(norm))
        for optimizer in self.setup.optimizers:
            optimizer.zero_grad(set_to_none=True)
        first = self._seen[0]
        self._kept, self._seen = [], []
        return Updated(first[0], False, first[1])

    def _again(self, norm: bool) -> Tensor:
        """The loss of the whole update with its gradients, the same on all ranks, so that their line searches agree."""
        for parameter in self._owned:
            parameter.grad = None
        with torch.enable_grad():
            loss = torch.stack([self._backward(delivered) for delivered in self._kept]).sum()
        if not self._together.alone:
            total, ranks = self._together.sums(loss.item(), 1.0)
            loss = torch.full_like(loss, total / ranks)
        self._seen.append((loss, self._clipped(norm)))
        return loss


def updates(setup: TrainingSetup, whole: nn.Module, told: Training, together: Together) -> Updates:
    """The way of making updates that the setup's optimizers ask for.

    Raises:
        SetupError: there is none.
    """
    if not setup.optimizers:
        raise SetupError("there is no optimizer: pass TrainingSetup(optimizer=...), or say optimizer in the configuration")
    if not any(needs_closure(optimizer) for optimizer in setup.optimizers):
        return Stepwise(setup, whole, told)
    if setup.scaler is not None and setup.scaler.is_enabled():
        raise SetupError("an optimizer that asks for the loss several times a step cannot go with a GradScaler: take precision bf16-mixed")
    return ByClosure(setup, whole, told, together)
