"""Yearly salary from a CV: an embedding of the job title and a few standardised numbers.

code: ND112
also:
object: targets | salary | head | train_loader | y
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

TITLES = ["clerk", "nurse", "teacher", "engineer", "manager", "lawyer", "chef", "pilot"]
BASE = torch.tensor([31e3, 42e3, 45e3, 68e3, 80e3, 95e3, 34e3, 105e3])


class CVs(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.title = torch.randint(0, len(TITLES), (n,), generator=g)
        self.numbers = torch.randn(n, 3, generator=g)          # years, degree, city (standardised)
        effect = 1 + self.numbers @ torch.tensor([0.15, 0.05, 0.08])
        self.salary = BASE[self.title] * effect + 1500 * torch.randn(n, generator=g)
        self.y = self.salary  # fault
        # fixed: self.y = (self.salary - 62e3) / 28e3

    def __len__(self):
        return len(self.title)

    def __getitem__(self, i):
        return dict(title=self.title[i], numbers=self.numbers[i], y=self.y[i])  # here


class SalaryNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.title = nn.Embedding(len(TITLES), 8)
        self.body = nn.Sequential(nn.Linear(11, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 1)

    def forward(self, title, numbers):
        return self.head(self.body(torch.cat([self.title(title), numbers], -1))).squeeze(-1)


def batch_loss(setup, batch):
    return nn.functional.l1_loss(setup.model(batch["title"], batch["numbers"]), batch["y"])  # here


torch.manual_seed(0)
model = SalaryNet()
train_loader = DataLoader(CVs(640, 0), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(CVs(160, 1), batch_size=160)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


class Run:
    def __init__(self, model):
        self.model = model

    def epoch(self, loader, learn=True):
        self.model.train(learn)
        total = 0.0
        for batch in loader:
            with torch.set_grad_enabled(learn):
                loss = batch_loss(self, batch)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item()
        return total / len(loader)


def train():
    run = Run(model)
    for e in range(12):
        a, b = run.epoch(train_loader), run.epoch(val_loader, learn=False)
        if e % 3 == 2:
            spread = train_loader.dataset.y.std().item()
            print(f"epoch {e}: train {a:.3f} val {b:.3f} (in spreads of the target: {b / spread:.2f})")
    return a


if __name__ == "__main__":
    print(train())
