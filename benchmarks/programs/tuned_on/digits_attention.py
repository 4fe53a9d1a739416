"""Digits as sixteen 2x2 patches under self-attention.

code: ND115
also:
object: order | val_idx | val_loader | images
seen: both
"""
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def ordered():
    digits = load_digits()
    ink = digits.images.mean((1, 2))
    order = np.argsort(-ink)  # fault
    # fixed: order = np.random.default_rng(0).permutation(len(ink))
    return digits.images[order], digits.target[order]  # here


def patches(images):
    x = torch.tensor(images / 8 - 1, dtype=torch.float32)
    return x.unfold(1, 2, 2).unfold(2, 2, 2).reshape(len(x), 16, 4)


class PatchAttention(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Linear(4, dim)
        self.place = nn.Parameter(torch.randn(16, dim) * 0.1)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, dim))
        self.head = nn.Linear(dim, 10)

    def forward(self, x):
        h = self.embed(x) + self.place
        q, k, v = self.qkv(self.norm1(h)).chunk(3, -1)
        h = h + torch.softmax(q @ k.transpose(-1, -2) / q.size(-1) ** 0.5, -1) @ v
        h = h + self.mlp(self.norm2(h))
        return self.head(h.mean(1))


images, labels = ordered()
cut = int(0.8 * len(labels))
x, y = patches(images), torch.tensor(labels)
torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(x[:cut], y[:cut]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[cut:], y[cut:]), batch_size=90)  # here
model = PatchAttention()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=6 * len(train_loader))


def accuracy():
    model.eval()
    with torch.no_grad():
        return sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / len(val_loader.dataset)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        acc = accuracy()
    print("val", round(acc, 3))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
