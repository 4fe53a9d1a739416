"""Grows a small wheat-kernel classifier to its production width, keeping its function.

code: ND201
also:
object: 0 | 0.weight | 2 | 2.weight | widen
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)


def kernels(n, rng):
    """Seven measurements of a kernel: the variety decides how two hidden traits combine."""
    variety = torch.randint(0, 3, (n,), generator=rng)
    angle = variety * 2.1 + 2.2 * torch.rand(n, generator=rng) ** 2
    radius = 1 + 0.6 * variety + 0.1 * torch.randn(n, generator=rng)
    trait = torch.stack([radius * torch.cos(2 * angle), radius * torch.sin(2 * angle)], 1)
    mix = torch.randn(2, 7, generator=torch.Generator().manual_seed(5))
    x = trait @ mix + 0.15 * torch.randn(n, 7, generator=rng)
    return x, variety


rng = torch.Generator().manual_seed(8)
x, y = kernels(1200, rng)
mean, std = x[:900].mean(0), x[:900].std(0)
x = (x - mean) / std
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=300)


def mlp(width):
    return nn.Sequential(nn.Linear(7, width), nn.Tanh(), nn.Linear(width, 12), nn.Tanh(), nn.Linear(12, 3))


@torch.no_grad()
def widen(small, factor):
    """Each unit of the first layer becomes `factor` units that share its outgoing weight."""
    width = small[0].out_features
    big = mlp(width * factor)
    rows = small[0].weight.repeat(factor, 1)  # fault
    # fixed: rows = small[0].weight.repeat(factor, 1)
    # fixed: rows = rows + 0.5 * rows.std() * torch.randn_like(rows)
    big[0].weight.copy_(rows)  # here
    big[0].bias.copy_(small[0].bias.repeat(factor))  # here
    big[2].weight.copy_(small[2].weight.repeat(1, factor) / factor)  # here
    big[2].bias.copy_(small[2].bias)
    big[4].load_state_dict(small[4].state_dict())
    return big


model = widen(mlp(2), factor=12)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15)


def train():
    for epoch in range(15):
        model.train()
        losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / 300
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
