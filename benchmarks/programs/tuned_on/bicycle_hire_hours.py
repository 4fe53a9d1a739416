"""Bicycles hired per hour from time, rain and wind.

code: ND602
also:
object: zero_grad | optimizer | loop
seen: watch
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(23)
rng = np.random.default_rng(23)
hours = np.arange(1500)
frame = pd.DataFrame({
    "sin": np.sin(2 * np.pi * hours / 24), "cos": np.cos(2 * np.pi * hours / 24),
    "rain": rng.exponential(1.0, hours.size), "wind": rng.normal(size=hours.size),
})
hired = np.exp(1 + 0.8 * frame["sin"] - 0.5 * frame.rain + 0.3 * frame["cos"] * frame.wind)
target = np.log1p(rng.poisson(20 * hired) / 20)
target = ((target - target.mean()) / target.std()).astype("float32")[:, None]
inputs = ((frame - frame.mean()) / frame.std()).to_numpy("float32")
mix = rng.permutation(hours.size)
tr, va = mix[:1200], mix[1200:]
train_loader = DataLoader(TensorDataset(torch.tensor(inputs[tr]), torch.tensor(target[tr])), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.tensor(inputs[va]), torch.tensor(target[va])), batch_size=150)

model = nn.Sequential(nn.Linear(4, 40), nn.Tanh(), nn.Linear(40, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def update(features, wanted):
    guess = model(features)
    loss = loss_fn(guess, wanted)
    loss.backward()
    optimizer.zero_grad()  # fault
    # fixed: optimizer.step()
    optimizer.step()  # fault
    # fixed: optimizer.zero_grad()
    return loss.detach()


def train():
    for epoch in range(10):
        model.train()
        losses = [update(a, b) for a, b in train_loader]
        model.eval()
        with torch.no_grad():
            val = torch.stack([loss_fn(model(a), b) for a, b in val_loader]).mean()
    print(f"train {torch.stack(losses).mean():.3f} val {val:.3f}")


if __name__ == "__main__":
    train()
