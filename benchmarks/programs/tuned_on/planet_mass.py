"""Mass of exoplanets from radius, period, star and signal strength; a small ensemble of networks.

code: ND112
also:
object: targets | mass | train_loader | heads
seen: both
"""
import torch
from torch import nn, Tensor
from torch.utils.data import DataLoader, TensorDataset

EARTH_IN_SUNS = 3.0e-6


def catalogue(n: int, seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    z = torch.randn(n, 5, generator=g)
    earths = 6 + 2.2 * z[:, 0] + 1.1 * z[:, 1] * z[:, 2] + 0.9 * torch.sin(2 * z[:, 3]) + 0.1 * torch.randn(n, generator=g)
    mass = earths * EARTH_IN_SUNS  # fault
    # fixed: mass = (earths - 6) / 2.6
    return z, mass[:, None]  # here


class Ensemble(nn.Module):
    def __init__(self, members: int = 3):
        super().__init__()
        self.members = nn.ModuleList(nn.Sequential(nn.Linear(5, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU()) for _ in range(members))
        self.heads = nn.ModuleList(nn.Linear(32, 1) for _ in range(members))

    def forward(self, z: Tensor) -> Tensor:
        return torch.stack([h(m(z)) for m, h in zip(self.members, self.heads)]).mean(0)


torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(*catalogue(800, 0)), batch_size=40, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(*catalogue(200, 1)), batch_size=100)
model = Ensemble()
loss_fn = nn.MSELoss()
optimizer = torch.optim.NAdam(model.parameters(), lr=3e-3)


def correlation() -> float:
    model.eval()
    with torch.no_grad():
        p, t = (torch.cat(c)[:, 0] for c in zip(*[(model(z), m) for z, m in val_loader]))
    return 1 - ((p - t).square().mean() / t.var()).item()


def train() -> float:
    for epoch in range(15):
        model.train()
        running = []
        for z, m in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(z), m)
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        if epoch % 5 == 4:
            print(f"epoch {epoch} loss {sum(running) / len(running):.3g} explained {correlation():.3f}")
    return sum(running) / len(running)


if __name__ == "__main__":
    print(train())
