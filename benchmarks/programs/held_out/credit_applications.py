"""Probability of default from an application form.

code: ND102
also:
object: income | loan_amount | table | X | column 0 | column 1
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(21)
torch.manual_seed(21)

N = 2400
table = pd.DataFrame({
    "income": rng.normal(54_000, 14_000, N).clip(9_000),
    "loan_amount": rng.normal(15_000, 5_000, N).clip(800),
    "age": rng.integers(20, 70, N),
    "debt_ratio": rng.beta(2, 4, N),
    "late_share": rng.beta(1.5, 5, N),
})
risk = (4 * (table.debt_ratio - 0.33) + 6 * (table.late_share - 0.23)
        - (table.income - 54_000) / 20_000 + (table.loan_amount - 15_000) / 8_000)
table["default"] = (risk + rng.logistic(0, 0.4, N) > 0).astype(int)

train_part = table.sample(frac=0.8, random_state=1)
val_part = table.drop(train_part.index)
columns = [c for c in table.columns if c != "default"]
centre, spread = train_part[columns].mean(), train_part[columns].std()


def tensors(part):
    X = part[columns].to_numpy("float32")  # fault
    # fixed: X = ((part[columns] - centre) / spread).to_numpy("float32")
    y = part["default"].to_numpy("float32")
    return TensorDataset(torch.from_numpy(X), torch.from_numpy(y))  # here


train_loader = DataLoader(tensors(train_part), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(tensors(val_part), batch_size=64)  # here


class CreditNet(nn.Module):
    def __init__(self, d, width=40):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(d, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.logit = nn.Linear(width, 1)

    def forward(self, x):
        return self.logit(self.hidden(x)).squeeze(-1)


model = CreditNet(len(columns))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        right = [((model(x) > 0).float() == y).float() for x, y in val_loader]
    return torch.cat(right).mean().item()


def train():
    for epoch in range(10):
        model.train()
        running = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        print(epoch, sum(running) / len(running), evaluate())
    return sum(running) / len(running)


if __name__ == "__main__":
    print(train())
