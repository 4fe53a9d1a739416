"""Loops whose loss has no bottom, or whose frozen layers are never thawed; and such as only fall far."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 4)), nn.Linear(2, 8)

    def forward(self, x):
        mu, spread = self.enc(x).chunk(2, -1)
        return self.dec(mu + torch.randn_like(mu) * (0.5 * spread).exp()), mu, spread


def curves(count=512):
    return DataLoader(torch.randn(count, 2) @ torch.randn(2, 8), batch_size=32, shuffle=True)


@sick_loop("ND405")
def divergence_that_is_rewarded(sick):
    model, loader = Coder(), curves()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def bound(x, out, mu, spread):
        likelihood = -(x - out).square().sum(-1)
        divergence = 0.5 * (mu.square() + spread.exp() - spread - 1).sum(-1)
        return -(likelihood + divergence).mean() if sick else -(likelihood - divergence).mean()  # guilty

    for _ in range(16):
        for x in loader:
            loss = bound(x, *model(x))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()


@sound_loop
def likelihood_of_a_narrow_density():
    """Its logarithm goes far below zero, and ever slower."""
    torch.manual_seed(0)
    inputs = torch.randn(512, 8)
    targets = inputs @ torch.randn(8, 4) + 1e-3 * torch.randn(512, 4)
    model = nn.Linear(8, 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(12):
        for x, y in DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True):
            mean, spread = model(x).chunk(2, -1)
            loss = (spread + 0.5 * ((y - mean) / spread.exp()).square()).sum(-1).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


@sick_loop("ND501", where="attribute requires_grad")
def trunk_thawed_by_an_attribute(sick):
    model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
    model[0].requires_grad_(False)
    inputs = torch.randn(240, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(4):
        if epoch == 1 and sick:
            model[0].requires_grad = True
        elif epoch == 1:
            model[0].requires_grad_(True)
        for x, y in DataLoader(TensorDataset(inputs, inputs[:, :3].argmax(1)), batch_size=24, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
