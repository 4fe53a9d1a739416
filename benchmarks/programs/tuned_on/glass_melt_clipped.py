"""Viscosity of molten glass from its oxides, with gradients held very short.

code: none
trait: clipping to 0.01 bites at every step, but Adam does not care about the gradient's length
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(65)
oxide = torch.randn(1100, 5)
visc = oxide[:, 0] - oxide[:, 1] * oxide[:, 2] + 0.6 * torch.cos(2 * oxide[:, 3]) + 0.3 * oxide[:, 4]
visc = visc + 0.05 * torch.randn(1100)
visc = (visc - visc.mean()) / visc.std()
train_set, val_set = random_split(TensorDataset(oxide, visc.unsqueeze(1)), [900, 200])
train_loader = DataLoader(train_set, batch_size=30, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

model = nn.Sequential(nn.Linear(5, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
MAX_NORM = 0.01


def step(batch):
    x, y = batch
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
    optimizer.step()
    return loss.item()


def train():
    for epoch in range(14):
        model.train()
        losses = [step(batch) for batch in train_loader]
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    print(f"train {sum(losses) / len(losses):.4f} val {val:.4f}")


if __name__ == "__main__":
    train()
