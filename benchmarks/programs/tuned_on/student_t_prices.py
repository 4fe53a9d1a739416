"""Heavy-tailed density of the next return given volatility features (Student-t head).

code: none
trait: the loss is a negative log-density and goes well below zero; exp, log and lgamma in the loss
"""
import torch
from torch import nn
from torch.distributions import StudentT
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(102)


def market(n):
    x = torch.randn(n, 6)
    scale = torch.exp(-1.9 + 0.5 * x[:, 0] - 0.3 * x[:, 1])
    y = 0.3 * x[:, 2] - 0.2 * x[:, 3] + scale * StudentT(5.0).sample((n,))
    return TensorDataset(x, y)


class ReturnDensity(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2))
        self.raw_df = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        loc, raw = self.net(x).unbind(-1)
        return StudentT(2 + nn.functional.softplus(self.raw_df), loc, nn.functional.softplus(raw) + 1e-3)


model = ReturnDensity()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(market(1500), batch_size=75, shuffle=True)
val_loader = DataLoader(market(300), batch_size=150)


def batch_loss(setup, batch):
    x, y = batch
    return -setup.model(x).log_prob(y).mean()


def train():
    class Me: pass
    Me.model = model
    for epoch in range(12):
        model.train()
        s = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(Me, batch)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(Me, b).item() for b in val_loader) / 2
        print(epoch, s / len(train_loader), val)
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
