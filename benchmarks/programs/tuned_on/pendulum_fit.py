"""A residual step model of a driven pendulum: state(t) -> state(t + dt).

code: ND606
also: ND605
object: scheduler | LambdaLR | rate | lr_lambda
seen: both
"""
import math
import torch
from torch import nn

PEAK, WARM, TOTAL = 4e-3, 20, 320


def rate(step):
    """Linear warm-up, then a half cosine down to a twentieth."""
    if step < WARM:
        return PEAK * (step + 1) / WARM  # fault
        # fixed: return (step + 1) / WARM
    progress = min(1.0, (step - WARM) / (TOTAL - WARM))
    return PEAK * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))  # fault
    # fixed: return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress))


class Stepper(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(4, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2))

    def forward(self, x):
        angle, speed, drive = x.unbind(-1)
        return self.f(torch.stack([angle.sin(), angle.cos(), speed, drive], -1))


torch.manual_seed(14)
x = torch.stack([torch.rand(1280) * 2 * math.pi - math.pi, torch.randn(1280), torch.randn(1280)], 1)
dx = torch.stack([x[:, 1], -1.5 * x[:, 0].sin() - 0.2 * x[:, 1] + x[:, 2]], 1)
dx = dx / dx.std(0)
model = Stepper()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)  # here
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, dx), batch_size=64, shuffle=True)


def train():
    losses = []
    while len(losses) < TOTAL:
        for state, change in train_loader:
            loss = loss_fn(model(state), change)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
    return sum(losses[-20:]) / 20


if __name__ == "__main__":
    print(train())
