"""One object per lidar sweep: its class and its distance. Two heads over a polar range profile.

code: ND112
also:
object: distance | distance_mm | targets | to_target | Sweeps
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

KINDS = ("pole", "car", "wall")
REACH_MM = 30_000


class Sweeps(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.kind = torch.randint(0, 3, (n,), generator=g)
        self.mm = torch.rand(n, generator=g) * 24_000 + 3_000
        self.range_mm = torch.full((n, 90), float(REACH_MM))
        for i in range(n):
            width = (4, 12, 40)[self.kind[i]] + int(torch.randint(0, 4, (1,), generator=g))
            left = int(torch.randint(0, 90 - width, (1,), generator=g))
            bend = torch.linspace(-1, 1, width).square() * (0, 900, 200)[self.kind[i]]
            self.range_mm[i, left:left + width] = self.mm[i] + bend
        self.range_mm += 150 * torch.randn(n, 90, generator=g)

    def __len__(self):
        return len(self.kind)

    def to_target(self, i):
        return {"kind": self.kind[i], "distance": self.mm[i]}  # fault
        # fixed: return {"kind": self.kind[i], "distance": (self.mm[i] - 15_000) / 7_000}

    def __getitem__(self, i):
        return (self.range_mm[i][None] - 24_000) / 9_000, self.to_target(i)  # here


class SweepNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv1d(1, 16, 7, stride=2, padding=3), nn.ReLU(),
            nn.Conv1d(16, 32, 5, stride=2, padding=2), nn.ReLU(),
            nn.AdaptiveMaxPool1d(4), nn.Flatten(), nn.Linear(128, 48), nn.ReLU())
        self.kind = nn.Linear(48, 3)
        self.distance = nn.Linear(48, 1)

    def forward(self, sweep):
        z = self.trunk(sweep)
        return {"kind": self.kind(z), "distance": self.distance(z).squeeze(-1)}


def loss_fn(out, target):
    return F.cross_entropy(out["kind"], target["kind"]) + F.mse_loss(out["distance"], target["distance"])  # here


torch.manual_seed(0)
train_loader = DataLoader(Sweeps(500, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(Sweeps(125, 1), batch_size=125)
model = SweepNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        sweep, target = next(iter(val_loader))
        out = model(sweep)
        r2 = 1 - F.mse_loss(out["distance"], target["distance"]) / target["distance"].var()
        acc = (out["kind"].argmax(1) == target["kind"]).float().mean()
    model.train()
    return acc.item(), r2.item()


def train():
    for epoch in range(8):
        losses = []
        for sweep, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(sweep), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    print("kind acc, distance R2:", evaluate())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
