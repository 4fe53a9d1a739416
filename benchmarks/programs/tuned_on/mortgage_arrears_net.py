"""Will a household fall behind with its mortgage? An MLP on a table of applicants.

code: ND102
also:
object: x | features | income | loan | house_value | train_loader | StandardScaler
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
rng = np.random.default_rng(0)

n = 2000
df = pd.DataFrame({
    "income": rng.normal(52_000, 9_000, n),
    "loan": rng.normal(240_000, 50_000, n),
    "house_value": rng.normal(330_000, 60_000, n),
    "rate": rng.uniform(0.01, 0.06, n),
    "children": rng.integers(0, 4, n).astype(float),
    "late_bills": rng.poisson(1.5, n).astype(float),
})
z = (df - df.mean()) / df.std()
risk = 2.0 * z.late_bills + 2.0 * z.rate * (1 + 0.5 * z.children) + 0.6 * z.loan - 0.6 * z.income
df["arrears"] = (risk + rng.normal(0, 0.4, n) > 0).astype(int)

features = ["income", "loan", "house_value", "rate", "children", "late_bills"]
train_df, val_df = train_test_split(df, test_size=0.2, random_state=1)
mean, std = train_df[features].mean(), train_df[features].std()


def to_tensors(part):
    x = part[features]  # fault
    # fixed: x = (part[features] - mean) / std
    return TensorDataset(torch.tensor(x.to_numpy(), dtype=torch.float32), torch.tensor(part["arrears"].to_numpy()))


train_loader = DataLoader(to_tensors(train_df), batch_size=64, shuffle=True)
val_loader = DataLoader(to_tensors(val_df), batch_size=200)

model = nn.Sequential(nn.Linear(6, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(15):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        correct = sum((model(xb).argmax(1) == yb).sum().item() for xb, yb in val_loader)
    print("val accuracy", correct / len(val_df))


if __name__ == "__main__":
    train()
