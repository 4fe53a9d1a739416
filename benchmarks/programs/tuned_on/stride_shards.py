"""Stride length and cadence from foot-sensor summaries; recordings and references were exported as shards.

code: ND104
also:
object: references | targets | load_targets | y | SHARDS | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(55)


def export():
    """two exports of the same walks: sensors by device, references by device"""
    mix = torch.randn(9, 9) / 3
    sensors, references = {}, {}
    for device in ("L2", "R1", "C3"):
        walk = torch.randn(430, 9)
        length = torch.tanh(walk[:, 0] + 0.6 * walk[:, 1]) + 0.4 * walk[:, 2]
        cadence = 0.8 * walk[:, 3] - 0.5 * walk[:, 4] * walk[:, 5]
        sensors[device] = walk @ (torch.eye(9) + mix)
        references[device] = torch.stack([length, cadence], 1) + 0.05 * torch.randn(430, 2)
    return sensors, references


sensors, references = export()


def load_inputs():
    x = torch.cat([sensors[d] for d in sensors])
    return (x - x.mean(0)) / x.std(0)


def load_targets():
    y = torch.cat([references[d] for d in sorted(references)])  # fault
    # fixed: y = torch.cat([references[d] for d in sensors])
    return (y - y.mean(0)) / y.std(0)


walks = TensorDataset(load_inputs(), load_targets())  # here
train_part, val_part = random_split(walks, [1050, 240], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_part, batch_size=42, shuffle=True)  # here
val_loader = DataLoader(val_part, batch_size=240)  # here


class Residual(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x):
        return x + self.down(nn.functional.mish(self.up(self.norm(x))))


model = nn.Sequential(nn.Linear(9, 32), Residual(32), Residual(32), nn.LayerNorm(32), nn.Linear(32, 2))
loss_fn = nn.L1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)


def evaluate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


def train():
    curve = []
    for epoch in range(12):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            curve.append(loss.item())
        evaluate()
    return sum(curve[-25:]) / 25


if __name__ == "__main__":
    print(train())
