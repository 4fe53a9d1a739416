"""Serve speed and spin quality from racket sensors, with a two-headed regressor.

code: ND403
also:
object: speed | speed_head | huber | two_part_loss | loss_fn | squeeze
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

huber = nn.HuberLoss(delta=1.0)


class ServeNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(6, width, 5, stride=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2), nn.ReLU(),
            nn.AdaptiveAvgPool1d(1), nn.Flatten(),
        )
        self.speed_head = nn.Linear(width, 1)
        self.spin_head = nn.Linear(width, 1)

    def forward(self, signal):
        h = self.conv(signal)
        return {"speed": self.speed_head(h), "spin": self.spin_head(h).squeeze(-1)}  # fault
        # fixed: return {"speed": self.speed_head(h).squeeze(-1), "spin": self.spin_head(h).squeeze(-1)}


def two_part_loss(out, target):
    speed = (out["speed"] - target[:, 0]).abs().mean()  # here
    spin = huber(out["spin"], target[:, 1])
    return speed + spin


def serves(n, g):
    t = torch.linspace(0, 1, 40)
    speed, spin = torch.randn(n, generator=g), torch.randn(n, generator=g)
    amp = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    sig = amp[:, :1] * torch.sin(6 * t)[None] * speed[:, None, None] + amp[:, 1:] * t * spin[:, None, None]
    return TensorDataset(sig + .4 * torch.randn(n, 6, 40, generator=g), torch.stack([speed, spin], 1))


g = torch.Generator().manual_seed(31)
torch.manual_seed(31)
train_loader = DataLoader(serves(400, g), batch_size=25, shuffle=True)
val_loader = DataLoader(serves(100, g), batch_size=50)
model = ServeNet()
loss_fn = two_part_loss  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def run_epoch(loader, learn):
    model.train(learn)
    total = 0.0
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            loss = loss_fn(model(x), y)  # here
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item()
    return total / len(loader)


def train():
    for epoch in range(8):
        tr, va = run_epoch(train_loader, True), run_epoch(val_loader, False)
    return tr


if __name__ == "__main__":
    print(train())
