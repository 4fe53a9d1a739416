"""The yield of a chemical reactor from temperature, pressure and three flows.

code: ND307
also:
object: bias | constant_ | init_layer | hidden | ReLU
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)


def reactor(n):
    z = torch.randn(n, 5)
    heat = torch.exp(-(z[:, 0] - 0.5) ** 2)
    out = 2 * heat * torch.sigmoid(2 * z[:, 1]) + 0.6 * z[:, 2] * z[:, 3] - 0.3 * z[:, 4].abs()
    return z, out[:, None]


def init_layer(m):
    if isinstance(m, nn.Linear) and m.out_features > 1:
        nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
        nn.init.constant_(m.bias, -10.0)  # fault
        # fixed: nn.init.zeros_(m.bias)


x, y = reactor(1200)
y = (y - y[:900].mean()) / y[:900].std()
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=36, shuffle=True)
val_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=300)

hidden = 64
model = nn.Sequential(
    nn.Linear(5, hidden), nn.ReLU(),
    nn.Linear(hidden, hidden), nn.ReLU(),
    nn.Linear(hidden, 1),
)
model.apply(init_layer)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for a, b in val_loader:
            print(f"val mse {loss_fn(model(a), b).item():.3f}, variance {b.var().item():.3f}")


if __name__ == "__main__":
    train()
