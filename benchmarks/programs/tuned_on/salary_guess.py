"""Yearly salary from a survey table: numeric columns + category embeddings, as in fastai's tabular learner.

code: ND112
also:
object: salary | targets | train_loader | y
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(21)
N = 1600
years = rng.gamma(2.0, 4.0, N)
hours = rng.normal(38, 5, N)
team = rng.poisson(3, N)
job = rng.integers(0, 8, N)
country = rng.integers(0, 12, N)
job_pay = rng.normal(0, 9000, 8)
country_pay = rng.normal(0, 7000, 12)
salary = 42000 + 1300 * years + 350 * (hours - 38) + 900 * team + job_pay[job] + country_pay[country] + rng.normal(0, 3000, N)

numeric = np.stack([years, hours, team], 1)
cats = np.stack([job, country], 1)
idx = rng.permutation(N)
tr, va = idx[:1280], idx[1280:]
numeric = (numeric - numeric[tr].mean(0)) / numeric[tr].std(0)
y = salary  # fault
# fixed: y = (salary - salary[tr].mean()) / salary[tr].std()


def pack(rows):
    return TensorDataset(torch.tensor(numeric[rows], dtype=torch.float32), torch.tensor(cats[rows]),
                         torch.tensor(y[rows], dtype=torch.float32).unsqueeze(1))  # here


class Tabular(nn.Module):
    def __init__(self, n_numeric, sizes):
        super().__init__()
        self.embeds = nn.ModuleList(nn.Embedding(s, 4) for s in sizes)
        self.lin1 = nn.Linear(n_numeric + 4 * len(sizes), 64)
        self.bn1 = nn.BatchNorm1d(64)
        self.lin2 = nn.Linear(64, 32)
        self.lin3 = nn.Linear(32, 1)

    def forward(self, numeric, cats):
        x = torch.cat([numeric] + [e(cats[:, i]) for i, e in enumerate(self.embeds)], 1)
        x = self.bn1(torch.relu(self.lin1(x)))
        return self.lin3(torch.relu(self.lin2(x)))


torch.manual_seed(0)
train_loader = DataLoader(pack(tr), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(pack(va), batch_size=320)
model = Tabular(3, [8, 12])
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    numeric, cats, pay = batch
    return loss_fn(setup.model(numeric, cats), pay)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for numeric, cats, pay in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(numeric, cats), pay)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            n, c, p = next(iter(val_loader))
            r2 = 1 - loss_fn(model(n, c), p).item() / p.var().item()
    model.train()
    print("val R2", round(r2, 3))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
