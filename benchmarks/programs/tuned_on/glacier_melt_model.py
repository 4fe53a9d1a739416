"""Daily melt of a glacier tongue from weather, with a small net.

code: ND603
also:
object: zero_grad | backward | optimizer | loop
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(52)
n = 1000
temp, sun, snow, wind = torch.randn(n), torch.rand(n), torch.rand(n), torch.rand(n)
melt = torch.relu(temp + 0.5) * (1.5 + wind) + 2 * sun * (1 - 0.8 * snow) + 0.1 * torch.randn(n)
x = torch.stack([temp, sun, snow, wind], dim=1)
x = (x - x.mean(0)) / x.std(0)
y = ((melt - melt.mean()) / melt.std())[:, None]

train_loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], y[800:]), batch_size=100)
model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)


def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for features, target in train_loader:
            prediction = model(features)
            loss = loss_fn(prediction, target)
            loss.backward()  # fault
            # fixed: optimizer.zero_grad()
            # fixed: loss.backward()
            optimizer.step()  # here
            total += loss.item()
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print(f"train {total / len(train_loader):.3f} val {val:.3f}")


if __name__ == "__main__":
    train()
