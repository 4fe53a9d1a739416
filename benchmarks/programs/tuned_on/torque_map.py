"""Surrogate of an engine torque map: speed, throttle and spark give torque.

code: ND205
also:
object: hidden | layers | model | net | make_mlp
seen: checkup
"""
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split


@dataclass
class Config:
    n: int = 1500
    width: int = 64
    depth: int = 3
    lr: float = 3e-3
    batch: int = 64
    epochs: int = 15


cfg = Config()
gen = torch.Generator().manual_seed(99)
torch.manual_seed(99)


def bench(n: int) -> tuple[Tensor, Tensor]:
    """speed, throttle, spark in [-1, 1]; torque in units of its standard deviation"""
    x = torch.rand(n, 3, generator=gen) * 2 - 1
    speed, throttle, spark = x.unbind(1)
    torque = (1 + throttle) * torch.cos(1.6 * speed) - 0.8 * (spark - 0.3 * speed) ** 2 + 0.4 * torch.sin(3 * speed * throttle)
    torque = torque + 0.05 * torch.randn(n, generator=gen)
    return x / 0.577, ((torque - torque.mean()) / torque.std()).unsqueeze(1)


class Surrogate(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(3, cfg.width)]  # fault
        # fixed: layers: list[nn.Module] = [nn.Linear(3, cfg.width), nn.Tanh()]
        for _ in range(cfg.depth - 1):
            layers.append(nn.Linear(cfg.width, cfg.width))  # fault
            # fixed: layers += [nn.Linear(cfg.width, cfg.width), nn.Tanh()]
        self.hidden = nn.Sequential(*layers)  # here
        self.torque = nn.Linear(cfg.width, 1)  # here

    def forward(self, x: Tensor) -> Tensor:
        return self.torque(self.hidden(x))  # here


data = TensorDataset(*bench(cfg.n))
train_set, val_set = random_split(data, [1200, 300], generator=gen)
train_loader = DataLoader(train_set, batch_size=cfg.batch, shuffle=True)
val_loader = DataLoader(val_set, batch_size=300)
model = Surrogate(cfg)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=cfg.epochs)


def train() -> float:
    for epoch in range(cfg.epochs):
        model.train()
        loss_sum = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"{epoch:02d} train {loss_sum / len(train_loader):.4f} val {val:.4f}")
    return loss_sum / len(train_loader)


if __name__ == "__main__":
    print(train())
