"""Bars of piano roll in a VAE; the likelihood is summed over keys and steps, beta grows over the first epochs.

code: none
trait: sigmoid probabilities with plain BCE (right), sum over pixels, loss in the tens, warm-up from a rate of 0, beta warm-up that makes the loss rise at first, noise in the forward pass
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def bars(n, seed):
    g = torch.Generator().manual_seed(seed)
    root = torch.randint(0, 5, (n,), generator=g)
    step = torch.randint(1, 4, (n,), generator=g)
    roll = torch.zeros(n, 8, 12)
    for t in range(8):
        roll[torch.arange(n), t, (root + step * t) % 12] = 1
        roll[torch.arange(n), t, (root + 4) % 12] = 1
    flip = torch.rand(n, 8, 12, generator=g) < .02
    return TensorDataset(torch.where(flip, 1 - roll, roll))


class MusicVAE(nn.Module):
    def __init__(self, z=6):
        super().__init__()
        self.inward = nn.Sequential(nn.Flatten(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 2 * z))
        self.outward = nn.Sequential(nn.Linear(z, 96), nn.ReLU(), nn.Linear(96, 96), nn.Sigmoid())

    def forward(self, roll):
        mu, log_var = self.inward(roll).chunk(2, -1)
        z = mu + torch.randn_like(mu) * (.5 * log_var).exp() if self.training else mu
        return self.outward(z).view_as(roll), mu, log_var


torch.manual_seed(83)
train_loader = DataLoader(bars(480, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(bars(96, 2), batch_size=48)
model = MusicVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(s / 15, 1.))
beta = [0.]


def batch_loss(setup, batch):
    (roll,) = batch
    out, mu, log_var = setup.model(roll)
    bce = F.binary_cross_entropy(out, roll, reduction="none").sum((1, 2))
    kl = -.5 * (1 + log_var - mu ** 2 - log_var.exp()).sum(1)
    return (bce + beta[0] * kl).mean()


def train():
    class setup: pass
    setup.model = model
    for epoch in range(10):
        model.train()
        beta[0] = min(epoch / 5, 1.)
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
