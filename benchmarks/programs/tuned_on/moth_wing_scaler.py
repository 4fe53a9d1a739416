"""Moth or butterfly? Wing measurements in float16 autocast, everything as the manual says.

code: none
trait: float16 on the CPU with a gradient scaler; raw gradients look 65536 times too large before unscale_
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(59)
n = 1000
moth = torch.randint(0, 2, (n,)).float()
span = torch.randn(n)
x = torch.stack([
    span,
    0.8 * span + (moth * 2 - 1) * 0.6 + 0.3 * torch.randn(n),
    torch.randn(n),
    span * (moth * 2 - 1) * 0.5 + 0.5 * torch.randn(n),
], 1)
x = (x - x.mean(0)) / x.std(0)
train_loader = DataLoader(TensorDataset(x[:800], moth[:800]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], moth[800:]), batch_size=100)
model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = torch.amp.GradScaler("cpu")


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    with torch.autocast("cpu", dtype=torch.float16):
        score = model(batch[0])
    return loss_fn(score.float(), batch[1])


def train():
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            scaler.step(optimizer)
            scaler.update()
    model.eval()
    with torch.no_grad():
        acc = sum(((model(a) > 0).float() == b).sum().item() for a, b in val_loader) / 200
    print(f"loss {loss.item():.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
