"""Cleans mains-voltage traces with a small 1-D conv net; prints a smoothed loss.

code: ND506
also:
object: smooth | ema | loss
seen: watch
"""
import math
import torch
from torch import nn

torch.manual_seed(83)


def traces(n, length=64):
    t = torch.arange(length) / length
    clean = torch.sin(2 * math.pi * (3 * t + torch.rand(n, 1))) + 0.3 * torch.sin(2 * math.pi * (9 * t + torch.rand(n, 1)))
    clean = clean[:, None] / 0.74
    return clean + 0.5 * torch.randn_like(clean), clean


model = nn.Sequential(
    nn.Conv1d(1, 12, 9, padding=4), nn.ReLU(),
    nn.Conv1d(12, 12, 9, padding=4), nn.ReLU(),
    nn.Conv1d(12, 1, 9, padding=4))
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*traces(640)), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*traces(128)), batch_size=64)


def train():
    smooth = None
    for epoch in range(8):
        model.train()
        for noisy, clean in train_loader:
            loss = loss_fn(model(noisy), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss  # fault
            # fixed: smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / 2
        print("epoch %d smooth %.4f val %.4f" % (epoch, smooth, val))  # here
    return loss.item()


if __name__ == "__main__":
    print(train())
