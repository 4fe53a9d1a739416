"""Deterioration in the next hours from vital signs; many measurements were never taken.

code: none
trait: inputs hold NaN where nothing was measured; the model turns them into a zero and a missingness flag before its first layer
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(57)
N, T, V = 900, 16, 5


def stays():
    level = torch.randn(N, 1, V) * 0.8
    drift = torch.randn(N, 1, V) * 0.9
    x = level + drift * torch.linspace(-0.5, 1, T).view(1, T, 1) + 0.3 * torch.randn(N, T, V)
    risk = x[:, -4:].mean(1) @ torch.tensor([1.0, -0.8, 0.6, 0.0, -0.5])
    y = (risk + 0.2 * torch.randn(N) > 0.2).float()
    x[torch.rand(N, T, V) < 0.25] = float("nan")
    return x, y


x, y = stays()
train_loader = DataLoader(TensorDataset(x[:700], y[:700]), batch_size=35, shuffle=True)
val_loader = DataLoader(TensorDataset(x[700:], y[700:]), batch_size=100)


class Gaps(nn.Module):
    def forward(self, x):
        missing = x.isnan()
        return torch.cat([torch.where(missing, torch.zeros_like(x), x), missing.float()], -1)


class VitalsNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gaps = Gaps()
        self.gru = nn.GRU(2 * V, 24, batch_first=True)
        self.risk = nn.Linear(24, 1)

    def forward(self, x):
        _, h = self.gru(self.gaps(x))
        return self.risk(h[0]).squeeze(1)


model = VitalsNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        out = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            out.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(a) > 0) == (b > 0.5) for a, b in val_loader]).float().mean().item()
    return sum(out) / len(out)


if __name__ == "__main__":
    print(train())
