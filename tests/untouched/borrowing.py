"""A small training with something of everything, and an examination that makes a mess of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup
from nbdebug.untouched import Proof, untouched


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))
        self.hidden = [nn.Linear(6, 6)]  # in a plain list: nobody registered it
        self.head = nn.Linear(6, 2)
        self.seen, self.history, self.memory = 0, [[]], {"mean": torch.zeros(6)}

    def forward(self, x: Tensor) -> Tensor:
        x = self.hidden[0](self.body(x))  # (N, 6)
        self.seen += 1
        self.history[0].append(self.seen)
        self.memory["mean"].copy_(x.detach().mean(0))
        return self.head(x)


def training(**given: Any) -> TrainingSetup:
    model = given.pop("model", None) or Net()
    optimizer = torch.optim.Adam(model.parameters())
    data = TensorDataset(torch.randn(12, 4), torch.randint(0, 2, (12,)))
    parts = {
        "loss_fn": nn.CrossEntropyLoss(), "optimizer": optimizer, "train_loader": DataLoader(data, 4, shuffle=True),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1), "scaler": torch.amp.GradScaler("cpu"),
    }  # fmt: skip
    setup = TrainingSetup(model, **(parts | given))
    for batch in setup.train_loader:
        setup.backward(setup.loss(batch))
        setup.step()
    setup.backward(setup.loss(batch))
    return setup


def after(setup: TrainingSetup, mess: Callable[[TrainingSetup], Any], *, weights: bool = False) -> Proof:
    with (borrowed := untouched(setup, weights=weights)):
        mess(setup)
    return borrowed.proof


def forward(setup: TrainingSetup) -> None:
    setup.model(torch.randn(5, 4))


def train(setup: TrainingSetup) -> None:
    for batch in setup.train_loader:
        setup.backward(setup.loss(batch))
        setup.step()
        setup.scheduler.step()


def allocated(action: Callable[[], Any]) -> int:
    """Bytes that torch allocated meanwhile, freed or not."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        action()
    events = profiler.profiler.kineto_results.events()
    return sum(max(event.nbytes(), 0) for event in events if event.name() == "[memory]")
