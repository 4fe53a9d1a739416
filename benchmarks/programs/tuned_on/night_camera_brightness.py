"""Hand-written digits from a night camera, brightened before reading.

code: ND111
also: ND110
object: brighten | uint8 | pixels | train_loader
seen: both
"""
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
digits = load_digits()
pixels = np.clip(digits.images * 12 + 10, 0, 255).astype(np.uint8)
mix = np.random.default_rng(1).permutation(len(pixels))
pixels, target = pixels[mix], torch.tensor(digits.target[mix])


def brighten(img, amount=128):
    out = img + np.uint8(amount)  # fault
    # fixed: out = np.clip(img.astype(np.int32) + amount, 0, 255)
    return torch.tensor(out, dtype=torch.float32) / 255 * 3 - 2.2


x = brighten(pixels).unsqueeze(1)
train_loader = DataLoader(TensorDataset(x[:300], target[:300]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1300:], target[1300:]), batch_size=200)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    ok = 0
    with torch.no_grad():
        for a, b in val_loader:
            ok += (model(a).argmax(1) == b).sum().item()
    print("val accuracy %.3f" % (ok / (len(x) - 1300)))


if __name__ == "__main__":
    train()
