"""Colour of a paint as a mixture of twelve pigments, its shares learnt with steps of equal length for every recipe.

code: ND709
also:
object: NormalisedSGD | optimizer | share | norm
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(157)
RECIPES, PIGMENTS, CHANNELS = 30, 12, 6
pigments = torch.randn(PIGMENTS, CHANNELS)
true_share = torch.distributions.Dirichlet(torch.full((PIGMENTS,), 0.15)).sample((RECIPES,))
recipe = torch.randint(0, RECIPES, (1500,))
colour = true_share[recipe] @ pigments + 0.05 * torch.randn(1500, CHANNELS)
train_loader = DataLoader(TensorDataset(recipe[:1200], colour[:1200]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(recipe[1200:], colour[1200:]), batch_size=300)


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.share = nn.Parameter(torch.rand(RECIPES, PIGMENTS) / PIGMENTS * 2)
        self.register_buffer("pigments", pigments)

    def forward(self, r):
        return self.share[r] @ self.pigments


class NormalisedSGD(torch.optim.Optimizer):
    """Each row moves by the same length, in the direction of its gradient."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                length = p.grad.norm(dim=1, keepdim=True)
                p.sub_(group["lr"] * p.grad / length)  # fault
                # fixed: p.sub_(group["lr"] * p.grad / length.clamp(min=1e-12))


model = Mixer()
loss_fn = nn.MSELoss()
optimizer = NormalisedSGD(model.parameters(), lr=0.01)


def train():
    for epoch in range(15):
        for r, c in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(r), c)
            loss.backward()
            optimizer.step()  # here
    print("last loss", loss.item())


if __name__ == "__main__":
    train()
