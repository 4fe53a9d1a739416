"""Delivery time of parcels; a second head gives the dispatcher a risk score at inference only.

code: none
trait: a head that the training forward never reaches (calibrated elsewhere, used in eval mode)
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(36)
x = torch.randn(1500, 8)
hours = x[:, 0].abs() + 0.8 * x[:, 1] * x[:, 2] + 0.5 * x[:, 3] + 0.1 * torch.randn(1500)
hours = ((hours - hours[:1200].mean()) / hours[:1200].std())[:, None]
train_loader = DataLoader(TensorDataset(x[:1200], hours[:1200]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1200:], hours[1200:]), batch_size=100)


class ParcelNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 48), nn.SiLU(), nn.Linear(48, 24), nn.SiLU())
        self.eta = nn.Linear(24, 1)
        # comes with the operations team's calibration file and is not trained here
        self.risk = nn.Linear(1, 1).requires_grad_(False)
        with torch.no_grad():
            self.risk.weight.fill_(1.7)
            self.risk.bias.fill_(-0.8)

    def forward(self, x):
        return self.eta(self.body(x))

    @torch.no_grad()
    def predict_risk(self, x):
        return torch.sigmoid(self.risk(self(x)))


model = ParcelNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam([*model.body.parameters(), *model.eta.parameters()], lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(xb), yb).item() for xb, yb in val_loader) / len(val_loader)
            risky = sum((model.predict_risk(xb) > 0.5).sum().item() for xb, _ in val_loader)
        print(epoch, total / len(train_loader), val, risky)
    return total / len(train_loader)


if __name__ == "__main__":
    train()
