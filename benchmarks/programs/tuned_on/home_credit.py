"""Default risk with a weight per loan (its amount); embeddings for the categorical columns.

code: ND403
also:
object: weight | per_loan | batch_loss
seen: checkup
"""
import pandas as pd
import numpy as np
import torch
from torch import nn

r = np.random.default_rng(10)
n = 1500
df = pd.DataFrame({"region": r.integers(0, 8, n), "job": r.integers(0, 5, n), "income": r.normal(size=n), "age": r.normal(size=n)})
df["amount"] = np.exp(r.normal(size=n) * 0.7)
z = 1.2 * df.income - 0.8 * df.age + (df.region - 3.5) * 0.5 + np.where(df.job == 2, 1.5, -0.3)
df["default"] = (r.random(n) < 1 / (1 + np.exp(2 * z))).astype("float32")
df["amount"] /= df.amount.mean()


class Loans(torch.utils.data.Dataset):
    def __init__(self, part):
        self.cat = torch.tensor(part[["region", "job"]].values)
        self.num = torch.tensor(part[["income", "age"]].values, dtype=torch.float32)
        self.weight = torch.tensor(part[["amount"]].values, dtype=torch.float32)
        self.y = torch.tensor(part["default"].values)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return dict(cat=self.cat[i], num=self.num[i], weight=self.weight[i], y=self.y[i])


class RiskNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.region, self.job = nn.Embedding(8, 4), nn.Embedding(5, 4)
        self.mlp = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, cat, num):
        x = torch.cat([self.region(cat[:, 0]), self.job(cat[:, 1]), num], 1)
        return self.mlp(x).squeeze(1)


bce = nn.BCEWithLogitsLoss(reduction="none")


def batch_loss(setup, batch):
    per_loan = bce(setup.model(batch["cat"], batch["num"]), batch["y"])
    weight = batch["weight"]  # fault
    # fixed: weight = batch["weight"].squeeze(1)
    return (weight * per_loan).mean()  # here


torch.manual_seed(10)
model = RiskNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = torch.utils.data.DataLoader(Loans(df[:1200]), batch_size=60, shuffle=True)
val_loader = torch.utils.data.DataLoader(Loans(df[1200:]), batch_size=100)


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def fit(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            losses = []
            for batch in train_loader:
                self.optimizer.zero_grad()
                loss = batch_loss(self, batch)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            self.model.eval()
            with torch.no_grad():
                val = np.mean([batch_loss(self, b).item() for b in val_loader])
            print(epoch, np.mean(losses), val)
        return float(np.mean(losses))


def train():
    return Trainer(model, optimizer).fit(10)


if __name__ == "__main__":
    print(train())
