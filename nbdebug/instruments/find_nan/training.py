"""The training itself, a step at a time, with an eye on its three ends: the loss, the gradients, the weights after the update."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import own_copy
from nbdebug.instruments.find_nan.names import named, owned
from nbdebug.nonfinite.finite import all_finite, norm
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.twin import is_ruined, moments
from nbdebug.training_setup import TrainingSetup

LOSS, GRADIENTS, UPDATE = "loss", "gradients", "update"  # the ends that may not be finite
NEEDS_CLOSURE = ("LBFGS",)


@dataclass(frozen=True)
class Stepped:
    """What one training step came to."""

    loss: float
    norm: float | None  # of all gradients together, unscaled; None when there were none, or when they are not finite
    end: str = ""  # which end is not finite; empty when all are
    names: tuple[str, ...] = ()  # of the parameters (or buffers) whose gradient or value is not
    skipped: bool = False  # by the GradScaler, as it should
    harmless: bool = False  # a gradient was not finite, and no weight took harm


class _Tripped(Exception):
    """Leaves an optimizer that asked for the loss."""


class Training:
    """Trains a setup; `before` is what the last step started from, for repeating it."""

    def __init__(self, setup: TrainingSetup) -> None:
        self.setup = setup
        self.models = tuple({id(m): m for m in (setup.model, setup.loss_fn) if isinstance(m, nn.Module)}.values())
        self.names = named(setup)
        self.scalers = () if setup.scaler is None else (setup.scaler,)
        self.by_closure = any(type(optimizer).__name__ in NEEDS_CLOSURE for optimizer in setup.optimizers)
        self.before = Snapshot(self.models, setup.optimizers, self.scalers)
        self._owned = owned(setup, self.names)
        self.first_size = self.size()
        self._weights = {name: p for name, p in self._owned.items() if all_finite([p])}
        buffers = {name: b for model in self.models for name, b in model.named_buffers() if b.is_floating_point() or b.is_complex()}
        self._buffers = {name: b for name, b in buffers.items() if not bool(b.isnan().any())}

    # -- one step ---------------------------------------------------------------------------------------------

    def step(self, batch: Any) -> Stepped:
        """One step on this batch, which stays as it is."""
        self.clear()
        if self.by_closure:
            return self._closed(batch)
        stepped = self._evaluate(batch)
        if stepped.end == GRADIENTS and any(scaler.is_enabled() for scaler in self.scalers):
            return self._skip(batch, stepped)
        if stepped.end == GRADIENTS and self.setup.optimizers:
            return self._tried(stepped)
        if not stepped.end:
            self.setup.step()
            stepped = self._judged_update(stepped)
        return stepped

    def stand_before(self) -> None:
        """Where the last step began."""
        self.before.restore()
        self.clear()

    def passes(self, batch: Any) -> Tensor:
        """The loss of a batch, which may be written to, after its backward pass at scale 1."""
        loss = self.setup.loss(batch)
        if loss.requires_grad:
            replace(self.setup, scaler=None).backward(loss)
        return loss

    def parameters(self) -> tuple[Tensor, ...]:
        return tuple(self._owned.values())

    def size(self) -> float:
        """The 2-norm of all weights together."""
        return norm(self._owned.values())

    def clear(self) -> None:
        """No gradients: those of parameters that no optimizer has would pile up."""
        for parameter in (*self._owned.values(), *(p for model in self.models for p in model.parameters())):
            parameter.grad = None

    def bad_gradients(self) -> tuple[str, ...]:
        return _bad({name: p.grad for name, p in self._owned.items() if p.grad is not None})

    def bad_weights(self) -> tuple[str, ...]:
        """Names of the weights, buffers and states that were finite and are not. A buffer may become infinite: a running extreme is."""
        ruined = tuple(name for name, buffer in self._buffers.items() if bool(buffer.isnan().any()))
        return (*_bad(self._weights), *ruined, *(name for name, _ in self._states(ruined=True)))

    def _evaluate(self, batch: Any) -> Stepped:
        self.before.renew()
        loss = self.setup.loss(own_copy(batch))
        value = float(loss.detach())
        if not math.isfinite(value):
            return Stepped(value, None, LOSS)
        self.setup.backward(loss)
        length = self._norm()
        if length is None or math.isfinite(length):
            return Stepped(value, length)
        names = self.bad_gradients()
        return Stepped(value, None, GRADIENTS if names else "", names)

    def _skip(self, batch: Any, stepped: Stepped) -> Stepped:
        """Gradients that are infinite only because they are scaled are the scaler's business."""
        self.setup.step()  # which it skips, and lowers the scale
        after = Snapshot.take(self.models, self.setup.optimizers, self.scalers)
        self.stand_before()
        self.passes(own_copy(batch))
        if names := self.bad_gradients():
            return Stepped(stepped.loss, None, GRADIENTS, names)
        after.restore()
        self.clear()
        return Stepped(stepped.loss, None, skipped=True)

    def _tried(self, stepped: Stepped) -> Stepped:
        """Gradients that do the weights no harm are cleaned, or left out, by a hook or an optimizer of the user's own."""
        self.setup.step()
        return stepped if self.bad_weights() else Stepped(stepped.loss, None, harmless=True)

    def _judged_update(self, stepped: Stepped) -> Stepped:
        if all_finite([*self._weights.values(), *self._buffers.values(), *(t for _, t in self._states())]):
            return stepped
        names = self.bad_weights()
        return Stepped(stepped.loss, stepped.norm, UPDATE if names else "", names)

    def _closed(self, batch: Any) -> Stepped:
        taken: list[Stepped] = []

        def closure() -> Tensor:
            self.clear()
            taken.append(self._evaluate(batch))
            if taken[-1].end:
                raise _Tripped
            return torch.tensor(taken[-1].loss)

        with contextlib.suppress(_Tripped):
            for optimizer in self.setup.optimizers:
                optimizer.step(closure)
        return taken[-1] if taken[-1].end else self._judged_update(taken[0])

    # -- what is looked at ------------------------------------------------------------------------------------

    def _norm(self) -> float | None:
        given = [p.grad for p in self._owned.values() if p.grad is not None]
        return norm(given) / self.setup.scale() if given else None

    def _states(self, *, ruined: bool = False) -> Iterator[tuple[str, Tensor]]:
        """Moments and their like: states of a parameter's own shape; all, or those that are ruined."""
        for optimizer in self.setup.optimizers:
            for parameter, state in optimizer.state.items():
                for key, value in moments(parameter, state):
                    if not ruined or is_ruined(optimizer, value):
                        yield f"{key} of {self.names.get(id(parameter), 'a parameter')}", value


def _bad(tensors: dict[str, Tensor]) -> tuple[str, ...]:
    return tuple(name for name, tensor in tensors.items() if not all_finite([tensor]))
