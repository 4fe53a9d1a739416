"""State of health of lithium cells from one discharge curve (voltage, current, temperature, seconds).

code: ND102
also:
object: train_loader | seconds | temperature | Standardise | curves | inputs
seen: checkup
"""
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def simulate(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    soh = 0.6 + 0.4 * torch.rand(n, 1, generator=g)
    u = torch.linspace(0, 1, 30).expand(n, 30)
    volt = 4.15 - 0.5 * u - 0.7 * (u / soh).clamp(max=1.4) ** 6 * 0.3 + 0.01 * torch.randn(n, 30, generator=g)
    amp = -1.5 + 0.05 * torch.randn(n, 30, generator=g)
    kelvin = 298 + 9 * u * (1.6 - soh) + 0.3 * torch.randn(n, 30, generator=g)
    seconds = 3600 * u * (0.8 + 0.4 * torch.rand(n, 1, generator=g))
    return torch.stack([volt, amp, kelvin, seconds], -1), (soh - 0.8) / 0.115


@dataclass
class Standardise:
    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, curves: Tensor) -> "Standardise":
        return cls(curves.mean(), curves.std())  # fault
        # fixed: return cls(curves.mean((0, 1)), curves.std((0, 1)))

    def __call__(self, curves: Tensor) -> Tensor:
        return (curves - self.mean) / self.std  # here


class CellGRU(nn.Module):
    def __init__(self, channels: int = 4, hidden: int = 24):
        super().__init__()
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.regress = nn.Linear(hidden, 1)

    def forward(self, curve: Tensor) -> Tensor:
        return self.regress(self.gru(curve)[0].mean(1))


g = torch.Generator().manual_seed(11)
curves, target = simulate(700, g)
prepare = Standardise.fit(curves[:560])  # here
curves = prepare(curves)  # here
train_loader = DataLoader(TensorDataset(curves[:560], target[:560]), batch_size=40, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(curves[560:], target[560:]), batch_size=140)
torch.manual_seed(11)
model = CellGRU()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


class Trainer:
    def fit(self, epochs: int) -> float:
        for _ in range(epochs):
            last = sum(self.step(*b) for b in train_loader) / len(train_loader)
            model.eval()
            with torch.no_grad():
                (x, t), = val_loader
                print(f"train mse {last:.3f}  val mse {loss_fn(model(x), t).item():.3f}")
            model.train()
        return last

    def step(self, x: Tensor, t: Tensor) -> float:
        loss = loss_fn(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()


def train() -> float:
    return Trainer().fit(10)


if __name__ == "__main__":
    print(train())
