"""Denoising diffusion of a two-moon cloud: predicts the noise.

code: none
trait: output layer starts at zero, inputs are mostly noise, the loss has a floor far above zero, evaluation draws random noise, gradients are clipped with Adam
"""
import math
import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STEPS = 50
betas = torch.linspace(1e-3, 0.15, STEPS)
alpha_bar = torch.cumprod(1 - betas, 0)


class Denoiser(nn.Module):
    def __init__(self, d=64):
        super().__init__()
        self.inp = nn.Linear(2, d)
        self.time = nn.Sequential(nn.Linear(16, d), nn.SiLU(), nn.Linear(d, d))
        self.mid = nn.Sequential(nn.SiLU(), nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d), nn.SiLU())
        self.out = nn.Linear(d, 2)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x, t):
        f = torch.exp(torch.arange(8) * (-math.log(50.0) / 8))
        a = t[:, None] * f
        return self.out(self.mid(self.inp(x) + self.time(torch.cat([a.sin(), a.cos()], 1))))


def batch_loss(setup, batch):
    (x,) = batch
    t = torch.randint(0, STEPS, (len(x),))
    noise = torch.randn_like(x)
    ab = alpha_bar[t][:, None]
    noisy = ab.sqrt() * x + (1 - ab).sqrt() * noise
    return nn.functional.mse_loss(setup.model(noisy, t.float()), noise)


torch.manual_seed(0)
pts = torch.tensor(make_moons(1600, noise=0.05, random_state=0)[0], dtype=torch.float32)
pts = (pts - pts.mean(0)) / pts.std(0)
train_loader = DataLoader(TensorDataset(pts[:1280]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(pts[1280:]), batch_size=160)
model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


class Box:
    pass


def train():
    box = Box()
    box.model = model
    for epoch in range(14):
        model.train()
        ls = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(box, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(box, b).item() for b in val_loader) / len(val_loader)
        print(epoch, sum(ls) / len(ls), val)
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
