"""Learns heartbeat representations without labels: two distorted views of a beat must find each other (SimCLR).

code: none
trait: contrastive loss mixes the batch on purpose, -inf on the diagonal, random augmentation in the dataset, a loss floor that is not 0
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(120)
L = 96


def beat():
    t = torch.linspace(0, 1, L)
    r, w, h, st = 0.4 + 0.05 * torch.randn(()), 0.02 + 0.02 * torch.rand(()), 1 + 0.5 * torch.rand(()), 0.3 * torch.randn(())
    p, tw = 0.3 * torch.rand(()), 0.2 + 0.5 * torch.rand(())
    x = h * torch.exp(-((t - r) / w) ** 2) + p * torch.exp(-((t - r + 0.2) / 0.04) ** 2)
    x = x + tw * torch.exp(-((t - r - 0.3) / 0.06) ** 2) + st * ((t > r + 0.05) & (t < r + 0.2))
    return (x - x.mean()) / x.std()


class TwoViews(Dataset):
    def __init__(self, n):
        self.beats = torch.stack([beat() for _ in range(n)])

    def __len__(self):
        return len(self.beats)

    def view(self, x):
        x = torch.roll(x, int(torch.randint(-5, 6, ())))
        return (x * (0.8 + 0.4 * torch.rand(())) + 0.1 * torch.randn(L)).unsqueeze(0)

    def __getitem__(self, i):
        return self.view(self.beats[i]), self.view(self.beats[i])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv1d(1, 16, 7, stride=2, padding=3), nn.BatchNorm1d(16), nn.ReLU(),
            nn.Conv1d(16, 32, 5, stride=2, padding=2), nn.BatchNorm1d(32), nn.ReLU(),
            nn.AdaptiveAvgPool1d(4), nn.Flatten())
        self.projector = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 24))

    def forward(self, x):
        return self.projector(self.backbone(x))


def nt_xent(z1, z2, temperature=0.2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    n = len(z1)
    sim = z @ z.T / temperature
    sim = sim.masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    partner = torch.arange(2 * n).roll(n)
    return F.cross_entropy(sim, partner)


train_loader = DataLoader(TwoViews(512), batch_size=64, shuffle=True, drop_last=True)
model = Encoder()
loss_fn = None
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)


def batch_loss(setup, batch):
    a, b = batch
    return nt_xent(setup.model(a), setup.model(b))


def train():
    model.train()
    for epoch in range(8):
        total = 0.0
        for a, b in train_loader:
            loss = nt_xent(model(a), model(b))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} nt-xent {total / len(train_loader):.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
