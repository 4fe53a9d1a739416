"""Three properties of crystals from composition vectors; body and head have parameter groups of their own.

code: ND604
also: ND706
object: optimizer | body | param_groups[0] | lr
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)
PROPERTIES = ["gap", "density", "hardness"]


class Crystals(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU())
        self.heads = nn.ModuleDict({name: nn.Linear(32, 1) for name in PROPERTIES})

    def forward(self, composition):
        h = self.body(composition)
        return torch.cat([self.heads[name](h) for name in PROPERTIES], dim=1)


def crystals(n):
    x = torch.randn(n, 20)
    y = torch.stack([x[:, :5].sum(1) / 5 ** 0.5, torch.sin(x[:, 5]) + x[:, 6], x[:, 7] * x[:, 8]], 1)
    return x, y + 0.05 * torch.randn(n, 3)


X, Y = crystals(640)
Y = (Y - Y[:512].mean(0)) / Y[:512].std(0)
train_loader = DataLoader(TensorDataset(X[:512], Y[:512]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[512:], Y[512:]), batch_size=128)
model = Crystals()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam([
    {"params": model.body.parameters(), "lr": 0.8},  # fault
    # fixed: {"params": model.body.parameters(), "lr": 2e-3},
    {"params": model.heads.parameters(), "lr": 2e-3},
])  # here


def train():
    for epoch in range(15):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
