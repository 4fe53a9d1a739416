"""Will the pump fail this week? Deep tabular net on sensor summaries.

code: ND604
also:
object: optimizer | lr | Adam | hp
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

hp = dict(
    width=64,
    depth=4,
    lr=1.0,  # fault
    # fixed: lr=1e-3,
    batch=32,
    epochs=10,
)
torch.manual_seed(13)
rs = np.random.RandomState(13)
N = 1400
sensors = rs.randn(N, 10).astype("float32")
risk = sensors[:, 0] * sensors[:, 1] + np.abs(sensors[:, 2]) - 0.8 + 0.7 * sensors[:, 3]
fails = (risk + 0.2 * rs.randn(N) > 0).astype("float32")
xs, ys = torch.from_numpy(sensors), torch.from_numpy(fails)
train_loader = DataLoader(TensorDataset(xs[:1100], ys[:1100]), batch_size=hp["batch"], shuffle=True)
val_loader = DataLoader(TensorDataset(xs[1100:], ys[1100:]), batch_size=150)


class PumpNet(nn.Module):
    def __init__(self, inputs, width, depth):
        super().__init__()
        sizes = [inputs] + [width] * depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.score = nn.Linear(width, 1)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.score(x)[:, 0]


model = PumpNet(10, hp["width"], hp["depth"])
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=hp["lr"])  # here


def train():
    for epoch in range(hp["epochs"]):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            scores = torch.cat([model(x) for x, _ in val_loader])
        truth = ys[1100:]
        val = loss_fn(scores, truth).item()
        acc = ((scores > 0).float() == truth).float().mean().item()
    print(f"val loss {val:.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
