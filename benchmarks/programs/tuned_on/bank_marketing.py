"""Will the customer take the term deposit?  Few do, so the yes-rows are upsampled.

code: ND105
also:
object: val_df | val_loader | val_set | train_df | df | upsample | resample | val
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 2024
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)


def read_bank(n=1500):
    df = pd.DataFrame({
        "age": rng.normal(41, 11, n).clip(18, 90),
        "balance": rng.lognormal(7, 1, n),
        "duration": rng.gamma(2, 130, n),
        "campaign": rng.geometric(0.4, n).astype(float),
        "previous": rng.poisson(0.6, n).astype(float),
        "euribor": rng.normal(3.6, 1.2, n),
        "housing": rng.integers(0, 2, n).astype(float),
    })
    z = 0.008 * (df.duration - 260) + 0.8 * (df.previous - 0.6) - 0.9 * (df.euribor - 3.6) - 0.3 * df.campaign - 2.6
    df["y"] = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    df["balance"] = np.log(df["balance"])
    df["duration"] = np.log1p(df["duration"])
    return df


def upsample(frame):
    no, yes = frame[frame.y == 0], frame[frame.y == 1]
    yes = resample(yes, replace=True, n_samples=len(no), random_state=SEED)
    return pd.concat([no, yes])


df = read_bank()
df = upsample(df)  # fault
# fixed:
train_df, val_df = train_test_split(df, test_size=0.25, stratify=df.y, random_state=SEED)  # fault
# fixed: train_df, val_df = train_test_split(df, test_size=0.25, stratify=df.y, random_state=SEED)
# fixed: train_df = upsample(train_df)

scaler_x = StandardScaler().fit(train_df.drop(columns="y"))


def to_set(frame):
    x = scaler_x.transform(frame.drop(columns="y")).astype("float32")
    return TensorDataset(torch.from_numpy(x), torch.tensor(frame.y.to_numpy(), dtype=torch.float32)[:, None])


train_set, val_set = to_set(train_df), to_set(val_df)  # here
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=256)  # here


class DepositNet(nn.Module):
    def __init__(self, n_in, hidden=64, p=0.1):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, hidden), nn.ReLU(), nn.Dropout(p),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(p),
            nn.Linear(hidden, 1))

    def forward(self, x):
        return self.net(x)


model = DepositNet(7)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)


def recall(loader):
    model.eval()
    hit = yes = 0
    with torch.no_grad():
        for x, y in loader:
            p = torch.sigmoid(model(x)) > 0.5
            hit += (p & (y > 0.5)).sum().item()
            yes += (y > 0.5).sum().item()
    return hit / yes


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"{epoch:2d} train {np.mean(losses):.4f} val recall {recall(val_loader):.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
