"""Learns one step of a driven spring with a non-linear damper, in mixed precision.

code: ND806
also:
object: clip_grad_norm_ | scaler | unscale_ | optimizer
seen: watch
"""
import torch
import torch.nn as nn
from torch.amp import GradScaler, autocast
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(30)
DT = 0.1


class Trajectories(Dataset):
    """state (x, v, force) -> change of (x, v) over one step, in units of their deviation"""

    def __init__(self, n):
        s = torch.rand(n, 3) * 2 - 1
        acc = -2.0 * s[:, 0] - 0.6 * s[:, 1] * s[:, 1].abs() + 1.5 * s[:, 2] - 1.2 * s[:, 0] ** 3
        delta = torch.stack([s[:, 1] * DT + 0.5 * acc * DT ** 2, acc * DT], 1)
        self.x = s / 0.577
        self.y = delta / torch.tensor([0.059, 0.165])

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Dynamics(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.a = nn.Linear(3, width)
        self.b = nn.Linear(width, width)
        self.c = nn.Linear(width, 2)

    def forward(self, s):
        h = torch.tanh(self.a(s))
        h = h + torch.tanh(self.b(h))
        return self.c(h)


train_loader = DataLoader(Trajectories(1280), batch_size=64, shuffle=True)
val_loader = DataLoader(Trajectories(256), batch_size=256)
model = Dynamics()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scaler = GradScaler("cpu")  # here
precision = "16-mixed"


def train(epochs=8, max_norm=1.0):
    for epoch in range(epochs):
        model.train()
        losses = []
        for s, d in train_loader:
            optimizer.zero_grad(set_to_none=True)
            with autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(s), d)
            scaler.scale(loss).backward()  # here
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)  # fault
            # fixed: scaler.unscale_(optimizer)
            # fixed: nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            scaler.step(optimizer)  # here
            scaler.update()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(s), d).item() for s, d in val_loader)
        print(f"epoch {epoch} train {sum(losses) / len(losses):.4f} val {val:.4f} scale {scaler.get_scale():.0f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
