"""A small GAN on the 8x8 digits.

code: none
trait: two optimizers over one wrapper; fakes are detached in one step and not in the other; discriminator gradients left over from the generator step; the losses need not fall
object:
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(64)
Z = 16

images = torch.tensor(load_digits().data[:1500], dtype=torch.float32) / 8 - 1      # tanh range
train_loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True, drop_last=True)

G = nn.Sequential(nn.Linear(Z, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 96), nn.BatchNorm1d(96), nn.ReLU(),
                  nn.Linear(96, 64), nn.Tanh())
D = nn.Sequential(nn.Linear(64, 96), nn.LeakyReLU(0.2), nn.Dropout(0.2), nn.Linear(96, 48), nn.LeakyReLU(0.2), nn.Linear(48, 1))
model = nn.ModuleDict({"G": G, "D": D})
loss_fn = None
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=5e-4, betas=(0.5, 0.999))
optimizer = (opt_g, opt_d)


def real_or_fake(scores, real):
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, 0.9 if real else 0.0))


def d_loss_fn(model, real, fake):
    return real_or_fake(model["D"](real), True) + real_or_fake(model["D"](fake.detach()), False)


def g_loss_fn(model, fake):
    scores = model["D"](fake)
    return F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))


def batch_loss(setup, batch):
    real = batch[0]
    fake = setup.model["G"](torch.randn(len(real), Z))
    return d_loss_fn(setup.model, real, fake) + g_loss_fn(setup.model, fake)


def train():
    model.train()
    for epoch in range(10):
        d_sum = g_sum = 0.0
        for (real,) in train_loader:
            fake = G(torch.randn(len(real), Z))
            opt_d.zero_grad()
            d_loss = d_loss_fn(model, real, fake)
            d_loss.backward()
            opt_d.step()

            opt_g.zero_grad()
            g_loss = g_loss_fn(model, fake)
            g_loss.backward()
            opt_g.step()
            d_sum += d_loss.item()
            g_sum += g_loss.item()
        G.eval()
        with torch.no_grad():
            gap = (G(torch.randn(500, Z)).mean(0) - images.mean(0)).abs().mean().item()
        G.train()
        print(f"[{epoch}] D {d_sum / len(train_loader):.3f} G {g_sum / len(train_loader):.3f} mean-pixel gap {gap:.3f}")
    return (d_sum + g_sum) / len(train_loader)


if __name__ == "__main__":
    print(train())
