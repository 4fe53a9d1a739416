"""Estimate the weight of a lorry from six strain gauges on a bridge.

code: ND106
also: ND115 | ND102
object: x_val | val_loader | val | mean | std
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(77)
torch.manual_seed(77)

# strain in microstrain; every gauge has its own offset and gain
n = 1000
weight = torch.rand(n, 1, generator=g) * 30 + 5           # tonnes
speed = torch.rand(n, 1, generator=g) * 15 + 8
gain = torch.tensor([[3.0, 2.5, 4.0, 1.5, 2.0, 3.5]])
offset = torch.tensor([[120.0, 80.0, 200.0, 40.0, 95.0, 150.0]])
speed_effect = torch.tensor([[1.0, -0.5, 0.8, -1.0, 0.3, 0.0]])
strain = offset + gain * weight + speed_effect * speed + 0.02 * weight * speed
strain += torch.randn(n, 6, generator=g) * 4

x_train, y_train = strain[:800], weight[:800]
x_val, y_val = strain[800:], weight[800:]
mean, std = x_train.mean(0), x_train.std(0)
y_mean, y_std = y_train.mean(), y_train.std()
y_train, y_val = (y_train - y_mean) / y_std, (y_val - y_mean) / y_std

x_train = (x_train - mean) / std
x_val = x_val.clone()  # fault
# fixed: x_val = (x_val - mean) / std

train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=100)

model = nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 1))
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        for strain_batch, w in train_loader:
            loss = loss_fn(model(strain_batch), w)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        off = sum((model(s) - w).abs().sum().item() for s, w in val_loader) / 200
    print(f"train loss {loss.item():.4f}, val error {off * y_std.item():.2f} t")


if __name__ == "__main__":
    train()
