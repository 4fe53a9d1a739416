"""A fast approximation of option vegas: moneyness, volatility, time and rate -> vega.

code: ND704
also: ND705
object: model | width | WIDTH | net
seen: watch
"""
import math
import torch
from torch import nn

WIDTH = 1  # fault
# fixed: WIDTH = 64
torch.manual_seed(16)


def vega(m, vol, t, r):
    d1 = (m + (r + vol ** 2 / 2) * t) / (vol * t.sqrt())
    return m.exp() * t.sqrt() * torch.exp(-d1 ** 2 / 2) / math.sqrt(2 * math.pi)


def market(n):
    m, vol, t, r = torch.rand(n) * 0.8 - 0.4, 0.2 + 0.1 * torch.rand(n), 0.5 + 0.5 * torch.rand(n), 0.05 * torch.rand(n)
    return torch.stack([m, vol, t, r], 1), vega(m, vol, t, r)


raw, value = market(2000)
x = (raw - raw[:1600].mean(0)) / raw[:1600].std(0)
y = ((value - value[:1600].mean()) / value[:1600].std()).unsqueeze(1)
loader = lambda a, b, mix: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(a, b), batch_size=64, shuffle=mix)
train_loader, val_loader = loader(x[:1600], y[:1600], True), loader(x[1600:], y[1600:], False)

model = nn.Sequential(nn.Linear(4, WIDTH), nn.Softplus(), nn.Linear(WIDTH, 1))  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    curve = []
    for epoch in range(30):
        model.train()
        part = [0.0, 0]
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            part[0] += loss.item() * len(a)
            part[1] += len(a)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() * len(a) for a, b in val_loader) / 400
        curve.append((part[0] / part[1], val))
    return curve[-1][0]


if __name__ == "__main__":
    print(train())
