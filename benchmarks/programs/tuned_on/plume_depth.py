"""Height of a smoke plume from a deep ReLU network whose weights are drawn by hand.

code: ND202
also: ND502
object: layers | layers.0.weight | layers.1.weight | layers.2.weight | layers.3.weight | layers.4.weight
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(91)
x = torch.randn(1500, 6)
height = torch.sin(x[:, 0]) + 0.6 * x[:, 1] * x[:, 2] + 0.4 * x[:, 3] ** 2 + 0.1 * torch.randn(1500)
height = (height - height.mean()) / height.std()
train_set, val_set = random_split(TensorDataset(x, height), [1200, 300])
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=150)


class PlumeNet(nn.Module):
    def __init__(self, sizes=(6, 48, 48, 48, 48, 1)):
        super().__init__()
        self.layers = nn.ModuleList()
        for a, b in zip(sizes[:-1], sizes[1:]):
            layer = nn.Linear(a, b)
            nn.init.uniform_(layer.weight, -1e-3, 1e-3)  # fault
            # fixed: nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x).squeeze(1)


model = PlumeNet()  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    late = []
    for epoch in range(8):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            late.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(xb), yb).item() for xb, yb in val_loader) / len(val_loader)
    print("val", val)
    return sum(late[-30:]) / 30


if __name__ == "__main__":
    print(train())
