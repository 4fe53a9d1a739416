"""Bearing wear (mm) from vibration windows of three accelerometers; every window is standardised by the model itself.

code: ND308
also: ND310
object: WindowNorm | norm | std
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6205)
CHANNELS, LENGTH = 3, 64


def machine_hall(n):
    wear = torch.rand(n, 1) * 2
    t = torch.arange(LENGTH) / LENGTH
    f = 4 + 8 * wear.unsqueeze(-1) + torch.tensor([0.0, 1.0, 2.0]).view(1, 3, 1)
    x = torch.sin(6.283 * (f * t + torch.rand(n, CHANNELS, 1))) + 0.2 * torch.randn(n, CHANNELS, LENGTH)
    x = x * torch.empty(n, CHANNELS, 1).uniform_(0.5, 5)       # every gain is set by hand
    asleep = torch.rand(n, CHANNELS) < 0.03                    # a sensor that sleeps repeats its last value
    x[asleep] = x[asleep][:, :1].expand(-1, LENGTH)
    return TensorDataset(x, (wear - 1.0) / 0.577)


class WindowNorm(nn.Module):
    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        std = x.std(dim=-1, keepdim=True)
        return (x - mean) / std  # fault
        # fixed: return (x - mean) / (std + 1e-3)


class WearNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = WindowNorm()  # here
        self.conv = nn.Sequential(nn.Conv1d(CHANNELS, 16, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2),
                                  nn.Conv1d(16, 24, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1))
        self.wear = nn.Linear(24, 1)

    def forward(self, x):
        return self.wear(self.conv(self.norm(x)).squeeze(-1))  # here


train_loader = DataLoader(machine_hall(480), batch_size=48, shuffle=True)
val_loader = DataLoader(machine_hall(120), batch_size=60)
model = WearNet()
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=10):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, wear in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), wear)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            err = torch.cat([(model(x) - w).abs() for x, w in val_loader]).mean().item()
        if epoch % 3 == 0:
            print(f"epoch {epoch}: huber {sum(losses) / len(losses):.4f}, val MAE {err * 0.577:.3f} mm")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
