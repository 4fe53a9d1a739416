"""Quantiles (10, 50, 90 %) of concert ticket prices on the second-hand market; pinball loss, cosine schedule.

code: ND606
also: ND706
object: scheduler | CosineAnnealingLR | T_max
seen: watch
"""
import torch
import torch.nn as nn

EPOCHS = 3
QUANTILES = torch.tensor([0.1, 0.5, 0.9])
gen = torch.Generator().manual_seed(66)
fame, seats, days = (torch.randn(3000, generator=gen) for _ in range(3))
price = fame - 0.4 * seats + 0.3 * torch.tanh(days) + (0.2 + 0.3 * torch.sigmoid(fame)) * torch.randn(3000, generator=gen)
price = (price - price.mean()) / price.std()
X = torch.stack([fame, seats, days], 1)
shuffle = torch.randperm(3000, generator=gen)
X, price = X[shuffle], price[shuffle, None]
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X[:2400], price[:2400]), batch_size=20, shuffle=True, generator=gen)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X[2400:], price[2400:]), batch_size=200)


class Pinball(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.register_buffer("q", q)

    def forward(self, guess, value):
        miss = value - guess
        return torch.maximum(self.q * miss, (self.q - 1) * miss).mean()


class Quantiles(nn.Module):
    """The outer quantiles are the middle one minus and plus a positive width, so that they never cross."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.mid, self.width = nn.Linear(32, 1), nn.Linear(32, 2)

    def forward(self, x):
        h = self.body(x)
        low, high = nn.functional.softplus(self.width(h)).chunk(2, 1)
        mid = self.mid(h)
        return torch.cat([mid - low, mid, mid + high], 1)


torch.manual_seed(66)
model, loss_fn = Quantiles(), Pinball(QUANTILES)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)  # fault
# fixed: scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS * len(train_loader))


def train():
    rates = []
    for epoch in range(EPOCHS):
        model.train()
        tail = []
        for x, p in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), p)
            loss.backward()
            optimizer.step()
            scheduler.step()  # here
            tail.append(loss.item())
            rates.append(optimizer.param_groups[0]["lr"])
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), p).item() for x, p in val_loader) / len(val_loader)
        print(f"epoch {epoch} lr {rates[-1]:.5f} val pinball {val:.4f}")
    return sum(tail[-60:]) / 60


if __name__ == "__main__":
    train()
