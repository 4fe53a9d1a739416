"""Crack or sound asphalt from line-scan strips; epoch function with a progress list.

code: ND603
also: ND604
object: optimizer | zero_grad | run_epoch
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def strips(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, 16, 32, generator=g)
    y = torch.randint(0, 2, (n,), generator=g)
    for i in torch.where(y == 1)[0].tolist():
        c = int(torch.randint(2, 30, (1,), generator=g))
        for r in range(16):
            c = min(max(c + int(torch.randint(-1, 2, (1,), generator=g)), 0), 31)
            x[i, 0, r, c] -= 2.2
    return TensorDataset(x, y.float())


class StripNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, (5, 3), padding=(2, 1)), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 16, (5, 3), padding=(2, 1), stride=(2, 1)), nn.BatchNorm2d(16), nn.ReLU(),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 1))

    def forward(self, x):
        return self.net(x)[:, 0]


def run_epoch(net, loader, criterion, opt=None):
    net.train(opt is not None)
    progress = []
    if opt is not None:
        opt.zero_grad()  # fault
        # fixed: pass
    for x, y in loader:
        with torch.set_grad_enabled(opt is not None):
            loss = criterion(net(x), y)
        if opt is not None:
            loss.backward()
            opt.step()  # fault
            # fixed: opt.step()
            # fixed: opt.zero_grad()
        progress.append(loss.item())
    return sum(progress) / len(progress)


torch.manual_seed(44)
train_loader = DataLoader(strips(320, 1), batch_size=20, shuffle=True)
val_loader = DataLoader(strips(80, 2), batch_size=40)
model = StripNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=.02, momentum=.9)


def train():
    for epoch in range(6):
        tr = run_epoch(model, train_loader, loss_fn, optimizer)  # here
        va = run_epoch(model, val_loader, loss_fn)
    return tr


if __name__ == "__main__":
    print(train())
