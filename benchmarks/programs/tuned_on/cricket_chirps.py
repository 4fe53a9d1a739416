"""Cricket species from chirp envelopes: cosine classifier with a temperature.

code: ND406
also: ND202
object: CosineHead | head | temperature | scale | tau
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(16)
SPECIES = 10


def chirps(n):
    y = torch.randint(0, SPECIES, (n,))
    t = torch.linspace(0, 1, 64)
    rate = 4 + 1.5 * y[:, None] + .7 * torch.randn(n, 1)
    env = torch.sin(6.2832 * rate * t + 6.28 * torch.rand(n, 1)) * torch.exp(-t)
    return TensorDataset((env + .1 * torch.randn(n, 64)).unsqueeze(1), y)


class CosineHead(nn.Module):
    def __init__(self, dim, n_classes, tau=.005):  # fault
    # fixed: def __init__(self, dim, n_classes, tau=.2):
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(n_classes, dim))
        self.tau = tau

    def forward(self, z):
        return F.linear(F.normalize(z, dim=-1), F.normalize(self.prototypes, dim=-1)) / self.tau  # here


class ChirpNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 24, 9, stride=2, padding=4), nn.BatchNorm1d(24), nn.ReLU(),
            nn.Conv1d(24, 32, 9, stride=2, padding=4), nn.BatchNorm1d(32), nn.ReLU(),
        )
        self.head = CosineHead(32, SPECIES)  # here

    def forward(self, x):
        h = self.features(x)
        return self.head(h.mean(-1))


train_loader = DataLoader(chirps(512), batch_size=32, shuffle=True)
val_loader = DataLoader(chirps(128), batch_size=64)
model = ChirpNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(6):
        model.train()
        s = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(x).argmax(1) == y).float() for x, y in val_loader]).mean().item()
    train.acc = acc
    return s / len(train_loader)


if __name__ == "__main__":
    print(train(), train.acc)
