"""Predicts three wear figures of a turbine from 15 sensors (multi-output regression, Huber).

code: ND602
also:
object: optimizer | step | apply_gradients | Engine.apply_gradients
seen: watch
"""
from dataclasses import dataclass
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(21)
sensors = torch.randn(1000, 15)
mix = torch.randn(15, 3) / 4
wear = torch.tanh(sensors @ mix) + 0.3 * sensors[:, :3] * sensors[:, 3:6] + 0.05 * torch.randn(1000, 3)
train_set, val_set = random_split(TensorDataset(sensors, wear), [800, 200])


@dataclass
class Settings:
    lr: float = 3e-3
    max_norm: float = 5.0
    epochs: int = 10
    batch: int = 50


cfg = Settings()
model = nn.Sequential(nn.Linear(15, 48), nn.GELU(), nn.LayerNorm(48), nn.Linear(48, 48), nn.GELU(), nn.Linear(48, 3))
loss_fn = nn.HuberLoss()
optimizer = optim.NAdam(model.parameters(), lr=cfg.lr)
train_loader = DataLoader(train_set, cfg.batch, shuffle=True)
val_loader = DataLoader(val_set, cfg.batch)


class Engine:
    def __init__(self):
        self.skipped = 0
        self.log = []

    def apply_gradients(self):
        norm = nn.utils.clip_grad_norm_(model.parameters(), cfg.max_norm)
        if torch.isfinite(norm):  # fault
        # fixed: if not torch.isfinite(norm):
            self.skipped += 1
            return
        optimizer.step()  # here

    def one_epoch(self):
        model.train()
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            self.apply_gradients()  # here
            self.log.append(loss.item())

    @torch.no_grad()
    def validate(self):
        model.eval()
        return sum(loss_fn(model(i), t).item() * len(i) for i, t in val_loader) / len(val_set)


def train():
    engine = Engine()
    for _ in range(cfg.epochs):
        engine.one_epoch()
        engine.validate()
    return sum(engine.log[-16:]) / 16


if __name__ == "__main__":
    print(train())
