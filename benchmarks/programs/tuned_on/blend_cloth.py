"""Weave patterns of cloth samples with mixup.

code: ND104
also:
object: mixup_collate | y | targets | other | partner | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(23)
WEAVES = 4


def swatch(kind):
    g = torch.arange(20.0)
    a, b = g[:, None], g[None, :]
    period = 3 + torch.rand(()) * 2
    p = 6.28 * torch.rand(2)
    if kind == 0:
        w = torch.sin(6.28 * a / period + p[0]).expand(20, 20)
    elif kind == 1:
        w = torch.sin(6.28 * b / period + p[0]).expand(20, 20)
    elif kind == 2:
        w = torch.sin(6.28 * (a + b) / (1.4 * period) + p[0])
    else:
        w = torch.sin(6.28 * a / period + p[0]) * torch.sin(6.28 * b / period + p[1]) * 1.4
    return (w + 0.5 * torch.randn(20, 20))[None] / 0.87


kinds = torch.randint(0, WEAVES, (760,))
swatches = torch.stack([swatch(int(k)) for k in kinds])
train_data = TensorDataset(swatches[:640], kinds[:640])
val_data = TensorDataset(swatches[640:], kinds[640:])


def mixup_collate(items, alpha=0.8):
    x = torch.stack([i[0] for i in items])
    y = nn.functional.one_hot(torch.stack([i[1] for i in items]), WEAVES).float()
    lam = torch.distributions.Beta(alpha, alpha).sample((len(x),))
    other = torch.randperm(len(x))
    x = lam.view(-1, 1, 1, 1) * x + (1 - lam).view(-1, 1, 1, 1) * x[other]
    other = torch.randperm(len(y))  # fault
    # fixed:
    y = lam[:, None] * y + (1 - lam)[:, None] * y[other]  # here
    return x, y  # here


train_loader = DataLoader(train_data, batch_size=32, shuffle=True, collate_fn=mixup_collate)  # here
val_loader = DataLoader(val_data, batch_size=120)
model = nn.Sequential(
    nn.Conv2d(1, 16, 5, stride=2), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 24, 3), nn.BatchNorm2d(24), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, WEAVES))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)


def train():
    for epoch in range(10):
        model.train()
        hist = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                accuracy = (model(x).argmax(1) == y).float().mean().item()
    return sum(hist) / len(hist)


if __name__ == "__main__":
    print(train())
