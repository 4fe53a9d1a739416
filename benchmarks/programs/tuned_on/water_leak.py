"""Alarms for leaks from pressure traces of pipe segments.

code: ND107
also:
object: loss_fn | class 1 | labels
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LEAK_RATE = 0.025


def traces(n, seed, length=48):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(length) / length
    phase = torch.rand(n, 1, generator=g)
    base = torch.sin(2 * torch.pi * (2 * t + phase)) + 0.5 * torch.randn(n, length, generator=g)
    leak = (torch.rand(n, generator=g) < LEAK_RATE).float()
    start = torch.randint(8, 32, (n, 1), generator=g)
    drop = torch.clamp((torch.arange(length) - start) / 6, 0, 1) * (0.7 + 0.5 * torch.rand(n, 1, generator=g))
    return (base - leak[:, None] * drop)[:, None] / 0.9, leak


x_train, y_train = traces(1600, 0)
x_val, y_val = traces(600, 1)
torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=200)


class LeakNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 12, 9, padding=4), nn.ReLU(), nn.AvgPool1d(4),
                                  nn.Conv1d(12, 16, 5, padding=2), nn.ReLU())
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        h = self.body(x)
        return self.out(torch.cat([h.mean(-1), h.amax(-1)], 1)).squeeze(1)


model = LeakNet()
loss_fn = nn.BCEWithLogitsLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss(pos_weight=(1 - y_train).sum() / y_train.sum())
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


@torch.no_grad()
def found():
    model.eval()
    alarm = torch.cat([model(x) > 0 for x, _ in val_loader])
    hit = (alarm & (y_val > 0)).sum().item()
    return {"recall": hit / y_val.sum().item(), "precision": hit / max(alarm.sum().item(), 1)}


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
    print(found())
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
