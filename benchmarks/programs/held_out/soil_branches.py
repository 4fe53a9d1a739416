"""Soil class from a spectrum and from field measurements: two branches that are joined.

code: ND206
also: ND501, ND303
object: field_branch | SoilNet.field_branch | field_branch.0.weight
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(81)


class SoilSamples(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        kind = rng.integers(0, 6, n)
        band = np.arange(32)
        spectrum = np.stack([np.cos(band / (3 + k % 3)) for k in kind]) + rng.normal(0, 0.7, (n, 32))
        field = np.where((kind // 3)[:, None] == 0, -0.7, 0.7) * np.ones((1, 5)) + rng.normal(0, 0.7, (n, 5))
        self.x = torch.tensor(np.concatenate([spectrum, field], 1), dtype=torch.float32)
        self.kind = torch.tensor(kind)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.x[i], self.kind[i]


class SoilNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.spectrum_branch = nn.Sequential(nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, 24))
        self.field_branch = nn.Sequential(nn.Linear(5, 48), nn.ReLU(), nn.Linear(48, 24))  # here
        self.join = nn.Sequential(nn.ReLU(), nn.Linear(48, 6))

    def forward(self, x):
        spectrum, field = x[:, :32], x[:, 32:]
        a = self.spectrum_branch(spectrum)
        b = self.spectrum_branch(spectrum)  # fault
        # fixed: b = self.field_branch(field)
        return self.join(torch.cat([a, b], 1))  # here


model = SoilNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
train_loader = DataLoader(SoilSamples(900, 5), batch_size=45, shuffle=True)
val_loader = DataLoader(SoilSamples(240, 6), batch_size=120)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), kind)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(x).argmax(1) == k).float().mean().item() for x, k in val_loader])
        print(epoch, np.mean(losses), acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
