"""Gait speed (m/s, standardised) from a bag of step descriptors measured by two insoles.

code: ND301
also: ND303
object: model.attention | attention | batch_first | StepPooling | MultiheadAttention | model.layer | layer
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(64)
STEPS, FEATURES = 12, 6


def simulate(n):
    speed = torch.randn(n, 1)
    asym = torch.randn(n, 1, 1) * 0.5
    steps = torch.randn(n, STEPS, FEATURES)
    load = torch.tensor([0.9, -0.6, 0.4, 0.0, 0.3, 0.0])
    steps = steps + speed[:, None] * load + asym
    quality = steps[:, :, 5:6].sigmoid()          # a loose insole blurs its step
    steps = quality * steps + (1 - quality) * torch.randn_like(steps)
    return steps, speed


class StepPooling(nn.Module):
    def __init__(self, d=32, heads=4):
        super().__init__()
        self.lift = nn.Linear(FEATURES, d)
        self.attention = nn.MultiheadAttention(d, heads)  # fault
        # fixed: self.attention = nn.MultiheadAttention(d, heads, batch_first=True)
        self.norm = nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 1))

    def forward(self, steps):
        """steps: (patients, steps, features)"""
        h = self.lift(steps)
        a, _ = self.attention(h, h, h)  # here
        h = self.norm(a)
        return self.ff(h.mean(dim=1))


x_train, y_train = simulate(640)
x_test, y_test = simulate(160)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x_test, y_test), batch_size=80)

model = StepPooling()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def one_epoch(loader, update):
    model.train(update)
    s, n = 0.0, 0
    with torch.set_grad_enabled(update):
        for steps, speed in loader:
            loss = loss_fn(model(steps), speed)
            if update:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            s, n = s + loss.item() * len(steps), n + len(steps)
    return s / n


def train(epochs=8):
    for e in range(epochs):
        tr, te = one_epoch(train_loader, True), one_epoch(val_loader, False)
        print(f"epoch {e}: train MSE {tr:.4f}  test MSE {te:.4f}")
    return tr


if __name__ == "__main__":
    print(train())
