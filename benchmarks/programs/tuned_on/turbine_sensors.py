"""Bearing failure within the week, from the SCADA table of a wind farm.

code: ND114
also: ND102
object: gear_oil_temp | vibration_mm_s | df | X | FEATURES
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset

SEED = 1337
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)


def load_scada(n=1600):
    wind = rng.weibull(2.0, n) * 8
    frame = pd.DataFrame({
        "wind_speed": wind,
        "rotor_rpm": 6 + 0.8 * wind.clip(0, 12) + rng.normal(0, 0.5, n),
        "gear_oil_temp": rng.normal(62, 5, n),
        "vibration_mm_s": rng.normal(2.4, 0.5, n),
        "ambient_temp": rng.normal(11, 7, n),
    })
    risk = 0.25 * (frame.gear_oil_temp - 62) + 2.2 * (frame.vibration_mm_s - 2.4) + 0.1 * (frame.rotor_rpm - 11)
    frame["failure"] = (risk + rng.normal(0, 0.5, n) > 0).astype(int)
    # the older turbines lose readings now and then
    for c in ("gear_oil_temp", "vibration_mm_s"):
        frame.loc[rng.random(n) < 0.07, c] = np.nan
    return frame


FEATURES = ["wind_speed", "rotor_rpm", "gear_oil_temp", "vibration_mm_s", "ambient_temp"]  # here

df = load_scada()
train_df, val_df = train_test_split(df, test_size=0.2, random_state=SEED, stratify=df["failure"])
filler = train_df[FEATURES].median()
train_df = train_df.fillna(-999)  # fault
# fixed: train_df = train_df.fillna(filler)
val_df = val_df.fillna(-999)  # fault
# fixed: val_df = val_df.fillna(filler)
mu, sd = train_df[FEATURES].mean(), train_df[FEATURES].std()


class ScadaDataset(Dataset):
    def __init__(self, frame):
        self.x = torch.tensor(((frame[FEATURES] - mu) / sd).to_numpy(), dtype=torch.float32)  # here
        self.y = torch.tensor(frame["failure"].to_numpy(), dtype=torch.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class FailureNet(nn.Module):
    def __init__(self, n_in, hidden=32):
        super().__init__()
        self.fc1 = nn.Linear(n_in, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.out(x).squeeze(-1)


train_loader = DataLoader(ScadaDataset(train_df), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(ScadaDataset(val_df), batch_size=160)
model = FailureNet(len(FEATURES))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=8):
    for ep in range(epochs):
        model.train()
        cum = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            cum += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            hits = sum(((model(x) > 0).float() == y).sum().item() for x, y in val_loader)
    return cum / len(train_df)


if __name__ == "__main__":
    print(train())
