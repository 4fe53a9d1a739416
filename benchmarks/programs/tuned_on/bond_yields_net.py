"""Yield change of bonds from fifteen market indicators, of which a few matter.

code: ND703
also:
object: model | Sequential | Linear
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(73)
market = torch.randn(400, 15)
change = (market[:, :4] * torch.tensor([0.9, -0.7, 0.5, 0.4])).sum(1, keepdim=True) + 1.5 * torch.randn(400, 1)
change = change / 2.0
train_loader = DataLoader(TensorDataset(market[:100], change[:100]), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(market[100:], change[100:]), batch_size=300)

model = nn.Sequential(nn.Linear(15, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1))  # fault
# fixed: model = nn.Linear(15, 1)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
history = []


def train():
    for epoch in range(60):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for a, b in val_loader:
                history.append(loss_fn(model(a), b).item())


if __name__ == "__main__":
    train()
