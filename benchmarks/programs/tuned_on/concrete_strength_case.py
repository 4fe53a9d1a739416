"""Strength of concrete as a sum of one curve per ingredient (an additive model).

code: ND204
also:
object: curves | curve | ModuleList | AdditiveNet
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)
INGREDIENTS = ["cement", "water", "ash", "sand", "age"]


def curve():
    return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))


class AdditiveNet(nn.Module):
    """strength = sum over the ingredients of curve_i(amount_i)"""

    def __init__(self, n):
        super().__init__()
        self.curves = nn.ModuleList([curve()] * n)  # fault
        # fixed: self.curves = nn.ModuleList([curve() for _ in range(n)])

    def forward(self, x):
        parts = [f(x[:, i:i + 1]) for i, f in enumerate(self.curves)]
        return torch.cat(parts, 1).sum(1)


amounts = torch.randn(1200, len(INGREDIENTS))
strength = (
    1.2 * amounts[:, 0]
    - 0.9 * amounts[:, 1]
    + torch.sin(2 * amounts[:, 2])
    - 0.4 * (amounts[:, 3] ** 2 - 1)
    + torch.tanh(2 * amounts[:, 4])
)
strength = strength / strength[:900].std() + 0.1 * torch.randn(1200)
train_loader = DataLoader(TensorDataset(amounts[:900], strength[:900]), batch_size=45, shuffle=True)
val_loader = DataLoader(TensorDataset(amounts[900:], strength[900:]), batch_size=300)

model = AdditiveNet(len(INGREDIENTS))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for x, y in val_loader:
            print("val mse", round(loss_fn(model(x), y).item(), 4))


if __name__ == "__main__":
    train()
