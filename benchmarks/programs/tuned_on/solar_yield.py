"""Forecasts the yield of a solar plant for the next six hours from the last 24 (dilated convolutions).

code: ND608
also: ND605
object: clip_grad_value_ | clip | max_grad | optimizer
seen: watch
"""
import logging
import math
import torch
import torch.nn as nn

log = logging.getLogger("solar")


def series(hours, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(hours)
    sun = torch.clamp(torch.sin((t % 24 - 6) / 12 * math.pi), min=0)
    cloud = torch.zeros(hours)
    shock = torch.randn(hours, generator=g) * 0.2
    for k in range(1, hours):
        cloud[k] = 0.9 * cloud[k - 1] + shock[k]
    return sun * (1 - 0.6 * torch.sigmoid(cloud)) + 0.01 * torch.randn(hours, generator=g)


class Windows(torch.utils.data.Dataset):
    def __init__(self, y, mean, std):
        self.y = (y - mean) / std

    def __len__(self):
        return len(self.y) - 30

    def __getitem__(self, i):
        return self.y[i:i + 24].unsqueeze(0), self.y[i + 24:i + 30]


class Forecaster(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv1d(1 if k == 0 else c, c, 3, dilation=2 ** k, padding=2 ** k) for k in range(3)])
        self.out = nn.Linear(c * 24, 6)

    def forward(self, x):
        for k, conv in enumerate(self.layers):
            h = torch.relu(conv(x))
            x = h if k == 0 else x + h
        return self.out(x.flatten(1))


raw = series(1400, 0)
mean, std = raw[:1100].mean(), raw[:1100].std()
train_loader = torch.utils.data.DataLoader(Windows(raw[:1100], mean, std), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(Windows(raw[1100:], mean, std), batch_size=90)
torch.manual_seed(0)
model, loss_fn = Forecaster(), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
max_grad = 1e-5  # fault
# fixed: max_grad = 1.0


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for past, future in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), future)
            loss.backward()
            nn.utils.clip_grad_value_(model.parameters(), max_grad)  # here
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(p), f).item() for p, f in val_loader) / len(val_loader)
        log.info("epoch %d train %.4f val %.4f", epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    train()
