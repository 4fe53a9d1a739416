"""Roast level from colour histograms, served through a wrapper that gives calibrated scores.

code: ND401
also:
object: model | Calibrated | model.temperature | loss_fn | net
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Calibrated(nn.Module):
    """net plus a temperature (Guo et al. 2017)."""

    def __init__(self, net, temperature=1.0):
        super().__init__()
        self.net = net
        self.register_buffer("temperature", torch.tensor(temperature))

    def forward(self, x):
        z = self.net(x) / self.temperature
        return z.softmax(dim=-1)  # fault
        # fixed: return z

    @torch.no_grad()
    def predict(self, x):
        return self(x).argmax(-1)


def mlp(*dims, drop=0.1):
    parts = []
    for a, b in zip(dims, dims[1:]):
        parts += [nn.Linear(a, b), nn.ReLU(), nn.Dropout(drop)]
    return nn.Sequential(*parts[:-2])


torch.manual_seed(14)
level = torch.randint(0, 6, (1200,))
bins = torch.arange(24).float()
centre = 20 - 3 * level.float() + torch.randn(1200)
hist = torch.exp(-((bins - centre[:, None]) / 2.5) ** 2) + 0.15 * torch.rand(1200, 24)
hist = hist / hist.sum(1, keepdim=True)
hist = (hist - hist[:960].mean(0)) / hist[:960].std(0)
train_loader = DataLoader(TensorDataset(hist[:960], level[:960]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(hist[960:], level[960:]), batch_size=120)

model = Calibrated(mlp(24, 48, 48, 6))  # here
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.02)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        ok = sum((model.predict(x) == y).sum().item() for x, y in val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
