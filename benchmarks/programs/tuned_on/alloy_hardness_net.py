"""Hardness of alloys from their composition, trained by a small Trainer class.

code: ND608
also: ND605
object: max_norm | clip_grad_norm_ | clip
seen: both
"""
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split


@dataclass
class Config:
    lr: float = 0.03
    momentum: float = 0.9
    epochs: int = 15
    clip: float = 1e-4  # fault
    # fixed: clip: float = 5.0


cfg = Config()
torch.manual_seed(6)
share = torch.distributions.Dirichlet(torch.ones(6)).sample((900,))
hard = 3 * share[:, 0] + 8 * share[:, 1] * share[:, 2] - 2 * share[:, 3] ** 2 + torch.sin(5 * share[:, 4])
hard = hard + 0.03 * torch.randn(900)
x = (share - share.mean(0)) / share.std(0)
y = ((hard - hard.mean()) / hard.std()).unsqueeze(1)
train_set, val_set = random_split(TensorDataset(x, y), [750, 150])
train_loader = DataLoader(train_set, batch_size=30, shuffle=True)
val_loader = DataLoader(val_set, batch_size=75)

model = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=cfg.momentum)


class Trainer:
    def fit(self):
        for _ in range(cfg.epochs):
            model.train()
            for xb, yb in train_loader:
                optimizer.zero_grad()
                loss = loss_fn(model(xb), yb)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=cfg.clip)  # here
                optimizer.step()
            self.val = self.evaluate()

    @torch.no_grad()
    def evaluate(self):
        model.eval()
        return sum(loss_fn(model(a), b).item() * len(a) for a, b in val_loader) / len(val_set)


def train():
    trainer = Trainer()
    trainer.fit()
    print(f"val mse {trainer.val:.3f}")


if __name__ == "__main__":
    train()
