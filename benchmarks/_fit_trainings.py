"""Small trainings whose curves are known for what they are: the real half of the suite of benchmarks/fit.py."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW, RMSprop

History = dict[str, list[float]]


@functools.lru_cache
def data(name: str) -> tuple[Tensor, Tensor]:
    """Inputs with mean 0 and standard deviation 1, and targets, shuffled."""
    made = {
        "digits": datasets.load_digits, "wine": datasets.load_wine, "cancer": datasets.load_breast_cancer, "diabetes": datasets.load_diabetes,
        "moons": lambda **_: datasets.make_moons(1200, noise=0.25, random_state=0),
        "friedman": lambda **_: datasets.make_friedman1(1200, noise=1.0, random_state=0),
        "blobs": lambda **_: datasets.make_classification(1500, 30, n_informative=12, n_classes=4, class_sep=1.2, flip_y=0.05, random_state=1),
    }[name](return_X_y=True)  # fmt: skip
    inputs, targets = torch.tensor(made[0], dtype=torch.float32), torch.tensor(made[1])
    inputs = (inputs - inputs.mean(0)) / inputs.std(0).clamp_min(1e-3)
    if targets.is_floating_point():
        targets = ((targets - targets.mean()) / targets.std()).float()[:, None]
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    return inputs[order], targets[order]


def mlp(*widths: int, dropout: float = 0.0, norm: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(a, b), *([nn.BatchNorm1d(b)] if norm else []), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    while not isinstance(layers[-1], nn.Linear):
        layers.pop()
    return nn.Sequential(*layers)


class Rows(nn.Module):
    """A recurrent net over the eight rows of a digit."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(8, 32, batch_first=True), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x.reshape(-1, 8, 8))[0][:, -1])


def conv() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


def train(
    name: str, model: Callable[[], nn.Module], optimizer: Callable[[Any], torch.optim.Optimizer], epochs: int, *, seed: int = 0,
    samples: int | None = None, batch: int = 32, loss: Callable[..., Tensor] | None = None, noisy: float = 0.0, shuffled: bool = False,
    schedule: Callable[[torch.optim.Optimizer], Any] | None = None, augment: Callable[[Tensor], Tensor] | None = None,
    by_step: bool = False, evaluated: bool = False, every: int = 1, patience: int = 0, copies: bool = False,
) -> History:  # fmt: skip
    """The history of a training, as a notebook would keep it.

    Args:
        noisy: share of the training labels that are drawn anew.
        shuffled: training labels in another order.
        by_step: whether each step's loss is kept, and validation beside it where it was made.
        evaluated: whether the training loss is computed in eval mode after the epoch.
        patience: epochs without a better validation after which it stops; 0: none.
        copies: whether what is validated on are the training samples whose labels are right.
    """
    torch.manual_seed(seed)
    inputs, targets = data(name)
    held_out = len(inputs) // 4
    x, y, vx, vy = inputs[held_out:], targets[held_out:].clone(), inputs[:held_out], targets[:held_out]
    x, y = (x[:samples], y[:samples]) if samples else (x, y)
    wrong = torch.rand(len(y)) < noisy
    y[wrong] = y[torch.randperm(len(y))][wrong]
    if shuffled:
        y = y[torch.randperm(len(y))]
    if copies:
        vx, vy = x[~wrong], y[~wrong]
    loss = loss or (F.mse_loss if y.is_floating_point() else F.cross_entropy)
    plain = F.mse_loss if y.is_floating_point() else F.cross_entropy
    net = model()
    updates = optimizer(net.parameters())
    steps = schedule(updates) if schedule else None
    history: History = {"step": [], "train_loss": [], "val_loss": [], "lr": []} if by_step else {"epoch": [], "train_loss": [], "val_loss": [], "lr": []}
    best, since, count = math.inf, 0, 0
    for epoch in range(epochs):
        net.train()
        values = []
        for rows in torch.randperm(len(x)).split(batch):
            if len(rows) < 2:
                continue
            rate = updates.param_groups[0]["lr"]
            updates.zero_grad()
            value = loss(net(augment(x[rows]) if augment else x[rows]), y[rows])
            value.backward()
            updates.step()
            if steps is not None:
                steps.step()
            values.append(value.item())
            if by_step:
                _note(history, count, value.item(), math.nan, rate)
            count += 1
        net.eval()
        with torch.no_grad():
            validation = plain(net(vx), vy).item()
            after = plain(net(x), y).item() if evaluated else sum(values) / len(values)
        seen = validation if (epoch + 1) % every == 0 else math.nan
        if by_step:
            history["val_loss"][-1] = seen
        else:
            _note(history, epoch, after, seen, updates.param_groups[0]["lr"])
        since = 0 if validation < best else since + 1
        best = min(best, validation)
        if patience and since >= patience:
            break
    return history


def _note(history: History, x: int, training: float, validation: float, rate: float) -> None:
    for column, value in zip(history.values(), (x, training, validation, rate), strict=True):
        column.append(value)


def adam(rate: float = 1e-3, **options: Any) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: Adam(parameters, rate, **options)


def adamw(rate: float = 1e-3, **options: Any) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: AdamW(parameters, rate, **options)


def sgd(rate: float, **options: Any) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: SGD(parameters, rate, **options)


def rmsprop(rate: float) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: RMSprop(parameters, rate)
