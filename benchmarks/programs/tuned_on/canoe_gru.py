"""Boat speed of a canoe from the last seconds of paddle force and boat pitch.

code: ND201
also:
object: gru | gru.weight_ih_l0 | gru.weight_hh_l0 | head | reset | neck | neck.weight
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def sessions(n, steps=30):
    g = torch.Generator().manual_seed(82)
    t = torch.arange(steps) / 10.0
    rate = 0.7 + 0.8 * torch.rand(n, 1, generator=g)
    power = 0.5 + torch.rand(n, 1, generator=g)
    wind = torch.randn(n, 1, generator=g)
    force = power * torch.relu(torch.sin(6.28 * rate * t + 6.28 * torch.rand(n, 1, generator=g))) + 0.05 * torch.randn(n, steps, generator=g)
    pitch = 0.3 * wind * torch.cos(6.28 * rate * t) + 0.1 * torch.randn(n, steps, generator=g)
    speed = 2 * power * rate.sqrt() - 0.4 * wind.abs() + 0.05 * torch.randn(n, 1, generator=g)
    x = torch.stack([force, pitch], -1)
    return x, speed.squeeze(1)


class SpeedNet(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(2, hidden, batch_first=True)
        self.neck = nn.Linear(hidden, 12)
        self.head = nn.Linear(12, 1)
        self.reset()

    def reset(self):
        for name, p in self.named_parameters():
            if "weight" in name:
                nn.init.constant_(p, 0.05)  # fault
                # fixed: nn.init.xavier_uniform_(p)
            else:
                nn.init.zeros_(p)

    def forward(self, x):
        _, h = self.gru(x)  # here
        return self.head(torch.tanh(self.neck(h[-1]))).squeeze(-1)  # here


x, y = sessions(1200)
x = (x - x[:960].mean((0, 1))) / x[:960].std((0, 1))
y = (y - y[:960].mean()) / y[:960].std()
torch.manual_seed(82)
train_loader = DataLoader(TensorDataset(x[:960], y[:960]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(x[960:], y[960:]), batch_size=120)
model = SpeedNet()  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = torch.cat([(model(a) - b) ** 2 for a, b in val_loader]).mean().item()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
