"""Gates that their biases hold at one end for good, in highways, cells and pictures; and those that only begin there, or where it makes no difference."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.patients import patient, sound
from tests.patients.parts import loader, quantities, training


def product() -> tuple[Tensor, Tensor]:
    """Columns, and a sign that no linear model tells from them."""
    inputs = torch.randn(1000, 4, generator=torch.Generator().manual_seed(3))
    return inputs, ((inputs[:, 0] * inputs[:, 1] + torch.sin(2 * inputs[:, 2]) * inputs[:, 3]) > 0).float()


class Highway(nn.Module):
    def __init__(self, bias: float, depth: int = 3, size: int = 40):
        super().__init__()
        self.enter, self.leave = nn.Linear(4, size), nn.Linear(size, 1)
        self.transforms = nn.ModuleList(nn.Linear(size, size) for _ in range(depth))
        self.gates = nn.ModuleList(nn.Sequential(nn.Linear(size, size), nn.Sigmoid()) for _ in range(depth))
        for gate in self.gates:
            nn.init.constant_(gate[0].bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        for transform, gate in zip(self.transforms, self.gates, strict=True):
            opened = gate(x)
            x = opened * transform(x).relu() + (1 - opened) * x
        return self.leave(x).squeeze(1)


def highway(bias: float, lr: float = 5e-3):
    model = Highway(bias)
    return training(model, nn.BCEWithLogitsLoss(), train_loader=loader(*product(), batch_size=40), optimizer=torch.optim.Adam(model.parameters(), lr=lr))


@patient("ND307", where="gates.0.0.bias")
def highway_that_only_carries(sick):
    return highway(-30.0 if sick else -1.0)


@patient("ND307", where="gates.0.0.bias")
def highway_that_carries_for_as_long_as_anybody_trains(sick):
    return highway(-14.0 if sick else -3.0)


class Cell(nn.Module):
    """A gated cell by hand, whose update gate may keep the first state for ever."""

    def __init__(self, bias: float, size: int = 24):
        super().__init__()
        self.size, self.keep, self.new, self.head = size, nn.Linear(size + 1, size), nn.Linear(size + 1, size), nn.Linear(size, 1)
        with torch.no_grad():
            self.keep.bias.fill_(bias)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), self.size)
        for t in range(x.shape[1]):
            both = torch.cat([x[:, t : t + 1], state], 1)
            keep = torch.sigmoid(self.keep(both))
            state = keep * state + (1 - keep) * torch.tanh(self.new(both))
        return self.head(state).squeeze(1)


@patient("ND307", where="keep.bias")
def cell_that_never_forgets(sick):
    series = torch.randn(800, 8, generator=torch.Generator().manual_seed(4))
    return training(Cell(25.0 if sick else 1.0), nn.MSELoss(), train_loader=loader(series, series[:, 4:].sum(1) / 2))


@sound
def gates_of_channels_that_begin_open():
    """What they scale is learnt as well without them."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.gate, self.head = nn.Sequential(nn.Linear(16, 32), nn.ReLU()), nn.Linear(16, 32), nn.Linear(32, 1)
            nn.init.constant_(self.gate.bias, 12.0)

        def forward(self, x):
            return self.head(self.body(x) * torch.sigmoid(self.gate(x))).squeeze(1)

    return training(Net(), nn.MSELoss(), quantities())
