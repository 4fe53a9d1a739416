"""Household income class; every answer counts for the people it stands for.

code: ND805
also: ND807
object: scaler | GradScaler | enabled | use_amp | autocast
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(84)
N = 1500
x = torch.randn(N, 9)
rich = x[:, 0] * x[:, 1] + x[:, 2] - 0.5 * x[:, 3] ** 2 + 0.5 + 0.2 * torch.randn(N) > 0
y = rich.float()
people = 200 + 800 * torch.rand(N)
weight = people / 7.5e8                             # share of all Europeans
train_loader = DataLoader(TensorDataset(x[:1200], y[:1200], weight[:1200]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1200:], y[1200:], weight[1200:]), batch_size=100)

model = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.BCEWithLogitsLoss(reduction="none")
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, eps=1e-14)
scaler = torch.amp.GradScaler("cpu", enabled=torch.cuda.is_available())  # fault
# fixed: scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    a, b, w = batch
    with torch.autocast("cpu", dtype=torch.float16):  # here
        score = model(a).squeeze(1)
    return (w * loss_fn(score.float(), b)).mean()


def train():
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    model.eval()
    with torch.no_grad():
        right = torch.cat([(model(a)[:, 0] > 0).float() == b for a, b, _ in val_loader])
    print(f"val acc {right.float().mean():.3f}")


if __name__ == "__main__":
    train()
