"""A VAE over daily yield curves, to draw scenarios for a stress test.

code: ND405
also:
object: elbo | kl | batch_loss
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(18)
TENORS = torch.tensor([.25, .5, 1, 2, 3, 5, 7, 10, 20, 30])


def curves(n):
    level, slope, hump = torch.randn(n, 1), torch.randn(n, 1), torch.randn(n, 1)
    t = TENORS / 2.5
    f1 = (1 - torch.exp(-t)) / t
    y = level + slope * f1 + hump * (f1 - torch.exp(-t)) + 0.05 * torch.randn(n, 10)
    return (y - y.mean(0)) / y.std(0)


class CurveVAE(nn.Module):
    def __init__(self, z=3):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(10, 32), nn.SiLU(), nn.Linear(32, 2 * z))
        self.dec = nn.Sequential(nn.Linear(z, 32), nn.SiLU(), nn.Linear(32, 10))

    def forward(self, y):
        mu, log_var = self.enc(y).chunk(2, -1)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        return self.dec(z), mu, log_var


def elbo(y, out, mu, log_var):
    log_lik = -(y - out).pow(2).sum(-1) / (2 * 0.3 ** 2)
    kl = 0.5 * (mu ** 2 + log_var.exp() - log_var - 1).sum(-1)
    return (log_lik + kl).mean()  # fault
    # fixed: return (log_lik - kl).mean()


def batch_loss(setup, batch):
    return -elbo(batch, *setup.model(batch)) / 10  # here


data = curves(1280)
train_loader = DataLoader(data[:1024], batch_size=64, shuffle=True)
val_loader = DataLoader(data[1024:], batch_size=128)
model = CurveVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    from types import SimpleNamespace
    setup = SimpleNamespace(model=model)
    for epoch in range(12):
        model.train()
        for y in train_loader:
            loss = batch_loss(setup, y)
            optimizer.zero_grad(); loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, y).item() for y in val_loader) / 2
            _, mu, lv = model(data[:200])
        print(f"{epoch} loss {loss.item():.3f} val {val:.3f} |mu| {mu.abs().mean():.2f} var {lv.exp().mean():.3f}")
    return loss.item()


if __name__ == "__main__":
    print(train())
