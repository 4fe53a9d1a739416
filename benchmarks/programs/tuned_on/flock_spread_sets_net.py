"""How spread out is a flock? A set network over the positions of its birds.

code: ND205
also:
object: phi | rho | mlp | Linear
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(77)


def flocks(n, birds=15):
    width = 0.3 + 1.5 * torch.rand(n, 1, 1)
    centre = torch.randn(n, 1, 2) * 0.5
    where = centre + width * torch.randn(n, birds, 2)
    spread = where.var(dim=1).mean(1, keepdim=True)
    return where, spread


a, sa = flocks(1000)
b, sb = flocks(300)
mid, dev = sa.mean(), sa.std()
train_loader = DataLoader(TensorDataset(a, (sa - mid) / dev), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(b, (sb - mid) / dev), batch_size=300)


def mlp(*widths):
    layers = []
    for i, (n, m) in enumerate(zip(widths, widths[1:])):
        layers.append(nn.Linear(n, m))
        if i > len(widths):  # fault
        # fixed: if i < len(widths) - 2:
            layers.append(nn.SiLU())
    return nn.Sequential(*layers)


class DeepSet(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi = mlp(2, 32, 32)
        self.rho = mlp(32, 32, 1)

    def forward(self, birds):
        return self.rho(self.phi(birds).mean(dim=1))


model = DeepSet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(20):
        model.train()
        for birds, spread in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(birds), spread)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse", [round(loss_fn(model(x), y).item(), 3) for x, y in val_loader])


if __name__ == "__main__":
    train()
