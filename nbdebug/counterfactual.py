"""What the loss would be with other weights, or with these again: no weight of the model is moved for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup

PROPORTIONAL = ("SGD", "ASGD")  # optimizers that move a weight in proportion to its gradient


class _Step(nn.Module):
    """The training step as a module, so that `functional_call` lends weights to a `batch_loss` too."""

    def __init__(self, setup: TrainingSetup) -> None:
        super().__init__()
        self.model, self.setup = setup.model, setup
        self.training = setup.model.training

    def forward(self, batch: Any) -> Tensor:
        return self.setup.loss(batch)


@dataclass(frozen=True)
class Counterfactual:
    """A batch whose loss can be asked for again and again, always with the same random numbers."""

    setup: TrainingSetup
    batch: Any

    def loss(self, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """The loss with some parameters replaced, by their names in `model.named_parameters()`; with its graph."""
        seed_torch(0)  # the same dropout masks each time; the frame gives the random state back
        lent = {f"model.{name}": tensor for name, tensor in (weights or {}).items()}
        held = {module: dict(module._parameters) for module in self.setup.model.modules()}
        try:
            return torch.func.functional_call(_Step(self.setup), lent, (self.batch,))
        finally:  # functional_call leaves what it was lent in a module that has several names
            for module, parameters in held.items():
                module._parameters.update(parameters)

    def value(self, weights: Mapping[str, Tensor] | None = None) -> float:
        """The same as a number, NaN when it is not finite."""
        with torch.no_grad():
            return float(self.loss(weights))

    def gradients(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The loss's gradient with respect to these weights; zeros where it does not depend on them."""
        return self.value_and_gradients(weights)[1]

    def value_and_gradients(self, weights: Mapping[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
        """The loss as a number, and its gradient with respect to these weights; zeros where it does not depend on them."""
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
        loss = self.loss(leaves)
        given = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        return float(loss.detach()), {
            name: torch.zeros_like(leaf) if gradient is None else _dense(gradient.detach())
            for (name, leaf), gradient in zip(leaves.items(), given, strict=True)
        }


def trainable(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The floating (or complex) parameters that a training moves; tied ones once."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and (parameter.is_floating_point() or parameter.is_complex()):
            yield name, parameter


def is_adaptive(setup: TrainingSetup) -> bool:
    """Whether the optimizers take the size out of the gradient, as Adam does; also when there is none."""
    return not any(type(optimizer).__name__ in PROPORTIONAL for optimizer in setup.optimizers)


@contextlib.contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """All of the model in eval mode, and every module back in its own: a part that the user keeps in eval mode must not be woken."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def in_training_mode(setup: TrainingSetup) -> None:
    """As the training loop would have it: a model left in eval mode is woken, a frozen child in a training one stays."""
    if not setup.model.training:
        setup.model.train()


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.layout != torch.strided else gradient
