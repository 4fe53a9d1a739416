"""Which phase is in the powder? Simulated diffraction patterns, a small inception net.

code: ND115
also: ND106
object: instrument | val_set | measure | val_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ANGLES = torch.linspace(10, 70, 160)
PHASES = [[22, 31, 45, 56], [24, 33, 41, 62], [21, 36, 47, 59], [27, 32, 44, 65], [19, 30, 49, 53]]
INSTRUMENTS = {"bench": dict(zero=0.0, width=0.6, background=0.10), "tower": dict(zero=1.6, width=1.1, background=0.35)}


def measure(n, seed, instrument):
    g = torch.Generator().manual_seed(seed)
    tube = INSTRUMENTS[instrument]
    phase = torch.randint(0, len(PHASES), (n,), generator=g)
    lines = torch.tensor(PHASES, dtype=torch.float)[phase] + tube["zero"] + 0.25 * torch.randn(n, 1, generator=g)
    height = 0.3 + 0.7 * torch.rand(n, 4, generator=g)
    peaks = (height[..., None] * torch.exp(-((ANGLES - lines[..., None]) / tube["width"]) ** 2)).sum(1)
    slope = tube["background"] * torch.exp(-(ANGLES - 10) / 25)
    pattern = peaks + slope + 0.08 * torch.randn(n, len(ANGLES), generator=g)
    return TensorDataset((pattern[:, None] - 0.12) / 0.22, phase)


train_set = measure(500, 1, "bench")
val_set = measure(150, 2, "tower")  # fault
# fixed: val_set = measure(150, 2, "bench")

torch.manual_seed(2)
train_loader = DataLoader(train_set, batch_size=25, shuffle=True)
val_loader = DataLoader(val_set, batch_size=50)  # here


class Inception(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.ways = nn.ModuleList([nn.Conv1d(i, o, k, padding=k // 2) for k in (3, 7, 15)])

    def forward(self, x):
        return torch.relu(torch.cat([way(x) for way in self.ways], 1))


model = nn.Sequential(Inception(1, 6), nn.MaxPool1d(4), Inception(18, 8), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(240, 5))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def evaluate():
    model.eval()
    losses = []
    with torch.inference_mode():
        for x, y in val_loader:
            losses.append(loss_fn(model(x), y).item())
    return sum(losses) / len(losses)


def train():
    for epoch in range(6):
        model.train()
        tracked = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            tracked.append(loss.item())
        val = evaluate()
    print("val loss", val)
    return sum(tracked) / len(tracked)


if __name__ == "__main__":
    print(train())
