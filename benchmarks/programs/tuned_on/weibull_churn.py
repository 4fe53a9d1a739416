"""Churn as a proportional hazard: every row has its own exposure (an hour ... a year).

code: ND311
also: ND310, ND308
object: log_event | cloglog_nll | loss_fn
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)


def customers(n):
    x = torch.randn(n, 9)
    log_exposure = -12 * torch.rand(n) ** 2
    eta = -1.0 + 1.6 * x[:, 0] + 1.2 * x[:, 1] - 1.0 * x[:, 2]
    churned = torch.rand(n) < -torch.expm1(-torch.exp(eta + log_exposure))
    return torch.cat([x, log_exposure[:, None] / 4], 1), churned.float()


class Hazard(nn.Module):
    """Returns the log of the cumulated hazard."""
    def __init__(self, d=9):
        super().__init__()
        self.linear = nn.Linear(d, 1)
        self.deep = nn.Sequential(nn.Linear(d, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, row):
        x, log_exposure = row[:, :9], 4 * row[:, 9]
        return (self.linear(x) + self.deep(x)).squeeze(1) - 1.0 + log_exposure


def cloglog_nll(log_h, churned):
    h = log_h.clamp(-25, 4).exp()
    log_event = torch.log(1 - torch.exp(-h))  # fault
    # fixed: log_event = torch.log(-torch.expm1(-h))
    return -(churned * log_event - (1 - churned) * h).mean()  # here


model = Hazard()
loss_fn = cloglog_nll  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(TensorDataset(*customers(1500)), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(*customers(300)), batch_size=150)


def train():
    for epoch in range(15):
        model.train()
        run = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            run.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / 2
        print(epoch, sum(run) / len(run), val)
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())
