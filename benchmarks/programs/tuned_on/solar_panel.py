"""Output of a solar panel with its uncertainty: an LSTM that predicts mean and log-variance.

code: ND403
also:
object: gauss_nll | mu | loss_fn
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)


def days(n, steps=12):
    cloud = torch.rand(n, 1)
    t = torch.linspace(0, math.pi, steps + 1)
    curve = (1 - 0.8 * cloud) * torch.sin(t + 0.3 * torch.randn(n, 1)) + 0.1 * cloud * torch.randn(n, steps + 1)
    curve = (curve - 0.35) / 0.33
    return curve[:, :steps, None], curve[:, steps]


class Forecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.mu = nn.Linear(hidden, 1)
        self.log_var = nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.lstm(x)[0][:, -1]
        return self.mu(h), self.log_var(h).clamp(-6, 4)


def gauss_nll(outputs, y):
    mu, log_var = outputs
    return 0.5 * (log_var + (y - mu) ** 2 / log_var.exp()).mean()  # fault
    # fixed: return 0.5 * (log_var + (y[:, None] - mu) ** 2 / log_var.exp()).mean()


train_loader = DataLoader(TensorDataset(*days(640)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*days(160)), batch_size=80)
model = Forecaster()
loss_fn = gauss_nll  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=10 * len(train_loader))


def train():
    for epoch in range(10):
        model.train()
        total = 0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(epoch, total / 640, val)
    return total / 640


if __name__ == "__main__":
    print(train())
