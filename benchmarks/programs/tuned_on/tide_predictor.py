"""Quantiles of the tide at a pier (pinball loss on an MLP over harmonic features).

code: ND405
also:
object: loss_fn | pinball | PinballLoss | QUANTILES
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

QUANTILES = torch.tensor([0.1, 0.5, 0.9])


class PinballLoss(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.register_buffer("q", q)

    def forward(self, pred, target):
        e = pred - target[:, None]  # fault
        # fixed: e = target[:, None] - pred
        return torch.maximum(self.q * e, (self.q - 1) * e).mean()  # here


torch.manual_seed(25)
hours = torch.rand(1500) * 24 * 30
periods = torch.tensor([12.42, 12.0, 25.82, 23.93])
arg = 6.28318 * hours[:, None] / periods
feats = torch.cat([arg.sin(), arg.cos()], 1) * 1.41
surge = torch.distributions.Gamma(2.0, 3.0).sample((1500,))
height = 1.0 * arg[:, 0].sin() + 0.5 * arg[:, 1].cos() + 0.3 * arg[:, 2].sin() * arg[:, 3].cos() + surge
height = (height - height.mean()) / height.std()

train_loader = DataLoader(TensorDataset(feats[:1200], height[:1200]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(feats[1200:], height[1200:]), batch_size=100)
model = nn.Sequential(nn.Linear(8, 40), nn.SiLU(), nn.Linear(40, 40), nn.SiLU(), nn.Linear(40, 3))
loss_fn = PinballLoss(QUANTILES)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def coverage():
    model.eval()
    inside = []
    for x, y in val_loader:
        lo, mid, hi = model(x).unbind(1)
        inside.append(((y > lo) & (y < hi)).float().sum())
    model.train()
    return (sum(inside) / 300).item()


def train():
    for epoch in range(10):
        s = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            s += loss.item()
    print("share inside the 10-90 band:", coverage())
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
