"""Will a seed germinate? A small classifier on soil and storage columns, with the accuracy after every epoch.

code: ND708
also:
object: accuracy | validate | mean | val_loader | scores
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
rng = np.random.default_rng(3)
seeds = pd.DataFrame({
    "moisture": rng.beta(4, 3, 1601),
    "soil_temp": rng.normal(16, 4, 1601),
    "years_stored": rng.gamma(3.0, 1.0, 1601),
    "depth_cm": rng.uniform(0.5, 6, 1601),
})
good = 6 * (seeds.moisture - 0.55) - ((seeds.soil_temp - 17) / 3.5) ** 2 - 0.5 * seeds.years_stored - 0.3 * seeds.depth_cm
seeds["sprouted"] = (good + rng.normal(0, 1.2, 1601) > good.median()).astype(int)
columns = ["moisture", "soil_temp", "years_stored", "depth_cm"]
first = seeds[:1200]
scaled = (seeds[columns] - first[columns].mean()) / first[columns].std()
x = torch.tensor(scaled.to_numpy(), dtype=torch.float32)
y = torch.tensor(seeds.sprouted.to_numpy())

train_loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1200:], y[1200:]), batch_size=200)
model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
history = {"loss": [], "accuracy": []}


def validate():
    model.eval()
    scores, sizes = [], []
    with torch.no_grad():
        for a, b in val_loader:
            scores.append((model(a).argmax(1) == b).float().mean().item())  # here
            sizes.append(len(b))
    return sum(scores) / len(scores)  # fault
    # fixed: return sum(s * n for s, n in zip(scores, sizes)) / sum(sizes)


def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(b)
        history["loss"].append(total / 1200)
        history["accuracy"].append(validate())
    print("accuracy", history["accuracy"][-1])


if __name__ == "__main__":
    train()
