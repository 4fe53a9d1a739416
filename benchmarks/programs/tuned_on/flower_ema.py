"""Flowers in small colour tiles; validation runs on an exponential moving average of the network.

code: ND306
also: ND707
object: average | Average | average.copy | ema | bn
seen: both
"""
import copy
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(81)


class Average(nn.Module):
    def __init__(self, net, decay=0.9):
        super().__init__()
        self.copy, self.decay = copy.deepcopy(net).eval(), decay
        self.copy.requires_grad_(False)

    @torch.no_grad()
    def update(self, net):
        for mine, theirs in zip(self.copy.parameters(), net.parameters()):  # here
            mine.lerp_(theirs, 1 - self.decay)
        return self  # fault
        # fixed: for mine, theirs in zip(self.copy.buffers(), net.buffers()):
        # fixed:     mine.copy_(theirs)
        # fixed: return self

    def forward(self, x):
        return self.copy(x)  # here


class WithAverage(nn.Module):
    """Trains the live network, evaluates its average."""

    def __init__(self, net):
        super().__init__()
        self.live = net
        self.average = Average(net)

    def forward(self, x):
        return self.live(x) if self.training else self.average(x)  # here


def flowers(n):
    y = torch.randint(0, 3, (n,))
    x = torch.randn(n, 3, 10, 10) * 0.5
    x[torch.arange(n), y, 3:7, 3:7] += 0.7
    x[:, :, ::2] += 0.3
    return (x - 0.22) / 0.6, y


net = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3, stride=2, bias=False),
                    nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
                    nn.Conv2d(12, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 3))
model = WithAverage(net)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.live.parameters(), lr=5e-3)
train_loader = DataLoader(TensorDataset(*flowers(320)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*flowers(90)), batch_size=45)


def train():
    for _ in range(7):
        model.train()
        ls = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            model.average.update(model.live)  # here
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(x), y).item() for x, y in val_loader]
    train.val = val
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train(), train.val)
