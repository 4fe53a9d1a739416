"""Forecasts a tide gauge with a random reservoir; only the readout is learnt.

code: none
trait: most weights are frozen, random and unknown to the optimizer on purpose (an echo-state network)
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(73)
t = torch.arange(1300).float()
tide = torch.sin(t * 0.5059) + 0.4 * torch.sin(t * 0.5236 + 1) + 0.2 * torch.sin(t * 0.243)
tide = (tide + 0.02 * torch.randn(1300)) / 0.78


class Reservoir(nn.Module):
    def __init__(self, size=120, radius=0.8):
        super().__init__()
        w = torch.randn(size, size)
        w = w * radius / torch.linalg.eigvals(w).abs().max()
        self.inner = nn.Parameter(w, requires_grad=False)
        self.inlet = nn.Parameter(torch.randn(1, size) * 0.5, requires_grad=False)
        self.readout = nn.Linear(size, 1)

    def forward(self, x):
        h = torch.zeros(len(x), self.inner.shape[0])
        for k in range(x.shape[1]):
            h = torch.tanh(h @ self.inner + x[:, k] @ self.inlet)
        return self.readout(h)


LOOK = 20
windows = tide.unfold(0, LOOK + 1, 1)
x, y = windows[:, :LOOK].unsqueeze(2), windows[:, LOOK:]
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1020:], y[1020:]), batch_size=130)
model = Reservoir()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.readout.parameters(), lr=5e-3)


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        val = torch.cat([(model(a) - b) ** 2 for a, b in val_loader]).mean()
    print(f"val mse {val:.4f}")


if __name__ == "__main__":
    train()
