"""Default risk for four bank products: shared features, a scoring head for each product.

code: ND204
also:
object: heads | heads.loan | heads.card | heads.mortgage | heads.overdraft | self.heads
seen: checkup
"""
from dataclasses import dataclass
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

PRODUCTS = ["loan", "card", "mortgage", "overdraft"]


@dataclass
class Settings:
    hidden: int = 24
    lr: float = 5e-3
    epochs: int = 10
    batch: int = 64


class Applications(Dataset):
    def __init__(self, rows, seed):
        rng = np.random.default_rng(seed)
        world = np.random.default_rng(99)
        a, heads = world.normal(size=(10, 8)) / 3, world.normal(size=(4, 8)) * 2
        self.x = rng.normal(size=(rows, 10)).astype("float32")
        self.product = rng.integers(0, 4, rows)
        score = (np.tanh(self.x @ a * 2) * heads[self.product]).sum(1)
        self.y = (rng.random(rows) < 1 / (1 + np.exp(-1.5 * score))).astype("float32")

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return dict(x=torch.from_numpy(self.x[i]), product=int(self.product[i]), y=torch.tensor(self.y[i]))


class RiskModel(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, cfg.hidden), nn.SiLU(), nn.Linear(cfg.hidden, cfg.hidden), nn.SiLU())
        self.heads = nn.ModuleDict(dict.fromkeys(PRODUCTS, nn.Linear(cfg.hidden, 1)))  # fault
        # fixed: self.heads = nn.ModuleDict({name: nn.Linear(cfg.hidden, 1) for name in PRODUCTS})

    def forward(self, x, product):
        z = self.body(x)
        every = torch.cat([self.heads[name](z) for name in PRODUCTS], dim=1)  # here
        return every.gather(1, product[:, None]).squeeze(1)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["x"], batch["product"]), batch["y"])


cfg = Settings()
torch.manual_seed(2)
train_loader = DataLoader(Applications(2400, 1), batch_size=cfg.batch, shuffle=True)
val_loader = DataLoader(Applications(400, 2), batch_size=200)
model = RiskModel(cfg)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer, self.log = model, optimizer, []

    def one_epoch(self):
        self.model.train()
        losses = []
        for batch in train_loader:
            self.optimizer.zero_grad()
            loss = loss_fn(self.model(batch["x"], batch["product"]), batch["y"])
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        self.log.append((np.mean(losses), self.validate()))

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        return float(np.mean([loss_fn(self.model(b["x"], b["product"]), b["y"]).item() for b in val_loader]))


def train():
    t = Trainer(model, optimizer)
    for _ in range(cfg.epochs):
        t.one_epoch()
    return float(t.log[-1][0])


if __name__ == "__main__":
    print(train())
