"""Water level twelve hours ahead from tide gauges; fp16 autocast and a gradient guard by hand.

code: ND806
also: ND608, ND602
object: scaler | unscale_ | guard | clamp_ | Stepper.guard
seen: watch
"""
import math
import torch
import torch.nn as nn

torch.manual_seed(52)
t = torch.arange(2200).float()
tide = torch.cos(2 * math.pi * t / 12.42) + 0.45 * torch.cos(2 * math.pi * t / 12 + 1) + 0.25 * torch.cos(2 * math.pi * t / 24.84)
surge = torch.zeros(2200)
for k in range(1, 2200):
    surge[k] = 0.95 * surge[k - 1] + 0.08 * torch.randn(())
level = tide + surge
level = (level - level[:1700].mean()) / level[:1700].std()


def cut(a, b):
    rows = [(level[i:i + 48], level[i + 59:i + 60]) for i in range(a, b - 60)]
    return rows


train_loader = torch.utils.data.DataLoader(cut(0, 1700), batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(cut(1700, 2200), batch_size=110)
model = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler(device="cpu", init_scale=2.0 ** 14)
precision = "16-mixed"


class Stepper:
    """Everything between backward and the next batch."""

    def __init__(self, limit):
        self.limit = limit

    def guard(self):
        for p in model.parameters():
            p.grad.clamp_(-self.limit, self.limit)  # here

    def __call__(self, loss):
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        self.guard()  # fault
        # fixed: scaler.unscale_(optimizer)
        # fixed: self.guard()
        scaler.step(optimizer)  # here
        scaler.update()


def forward_loss(past, ahead):
    with torch.autocast("cpu", torch.float16):
        guess = model(past)
    return loss_fn(guess.float(), ahead)


def train():
    stepper = Stepper(limit=0.5)
    for epoch in range(8):
        model.train()
        losses = []
        for past, ahead in train_loader:
            loss = forward_loss(past, ahead)
            stepper(loss)
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(forward_loss(p, a).item() * len(p) for p, a in val_loader) / len(val_loader.dataset)
    print("val", val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
