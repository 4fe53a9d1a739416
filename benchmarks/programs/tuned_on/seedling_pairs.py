"""Self-supervised embeddings of seedling patches: two random views, NT-Xent.

code: none
trait: the loss mixes samples of the batch and starts near log(2N-1), not at log of a class count; the diagonal is filled with -inf; the projector is dropped after training; labels are never used
object:
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

np.random.seed(21)
torch.manual_seed(21)


def patch():
    yy, xx = np.mgrid[-1:1:16j, -1:1:16j]
    f, a, hue = np.random.uniform(2, 7), np.random.uniform(0, np.pi), np.random.rand(3)
    wave = np.sin(f * (np.cos(a) * xx + np.sin(a) * yy) + np.random.uniform(0, 6))
    return (0.5 + 0.35 * wave * (hue[:, None, None] - 0.5) * 2 + 0.05 * np.random.randn(3, 16, 16)).astype(np.float32)


class TwoViews(Dataset):
    def __init__(self, n):
        self.x = torch.from_numpy(np.stack([patch() for _ in range(n)]))
        self.x = (self.x - 0.5) / 0.25

    def __len__(self):
        return len(self.x)

    def view(self, img):
        if torch.rand(()) < 0.5:
            img = img.flip(-1)
        top, left = torch.randint(0, 5, (2,)).tolist()
        img = img[:, top:top + 12, left:left + 12]
        return img * (0.8 + 0.4 * torch.rand(())) + 0.1 * torch.randn_like(img)

    def __getitem__(self, i):
        return self.view(self.x[i]), self.view(self.x[i])


class SimCLR(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.projector = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, dim))

    def forward(self, a, b):
        z = self.projector(self.encoder(torch.cat([a, b])))
        return F.normalize(z, dim=1)


def nt_xent(z, temperature=0.2):
    n = len(z) // 2
    sim = z @ z.T / temperature
    sim = sim.masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    partner = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(sim, partner)


train_loader = DataLoader(TwoViews(384), batch_size=48, shuffle=True, drop_last=True)
model = SimCLR()
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)


def batch_loss(setup, batch):
    a, b = batch
    return nt_xent(setup.model(a, b))


def train():
    model.train()
    for epoch in range(6):
        total = 0.0
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = nt_xent(model(a, b))
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} contrastive loss {total / len(train_loader):.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
