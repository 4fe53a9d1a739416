"""Monthly sunspot numbers, one step ahead, temporal convolutions, own learning-rate rule.

code: ND606
also: ND605
object: InverseDecay | scheduler | get_lr | optimizer
seen: watch
"""
import math
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, TensorDataset


class InverseDecay(LRScheduler):
    """lr_0 / (1 + rate * t)"""

    def __init__(self, optimizer, rate, last_epoch=-1):
        self.rate = rate
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        factor = 1 / (1 + self.rate * self.last_epoch)
        return [group["lr"] * factor for group in self.optimizer.param_groups]  # fault
        # fixed: return [base * factor for base in self.base_lrs]


class TCN(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv1d(1 if k == 0 else c, c, 2, dilation=2 ** k) for k in range(4)])
        self.last = nn.Linear(c, 1)

    def forward(self, x):
        for k, conv in enumerate(self.layers):
            x = torch.relu(conv(nn.functional.pad(x, (2 ** k, 0))))
        return self.last(x[:, :, -1])


torch.manual_seed(53)
t = torch.arange(1000) / 12.
series = torch.sin(2 * math.pi * t / 11) * (1 + .3 * torch.sin(2 * math.pi * t / 80)) + .4 * torch.sin(2 * math.pi * t / 1.7) + .08 * torch.randn(1000)
window = series.unfold(0, 25, 1)
past, nxt = window[:, None, :24], window[:, 24:]
train_loader = DataLoader(TensorDataset(past[:750], nxt[:750]), batch_size=75, shuffle=True)
val_loader = DataLoader(TensorDataset(past[800:], nxt[800:]), batch_size=88)
model, loss_fn = TCN(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3)
scheduler = InverseDecay(optimizer, rate=.25)  # here


def train():
    for epoch in range(20):
        model.train()
        total = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()  # here
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
