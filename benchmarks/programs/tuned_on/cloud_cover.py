"""Cloud types from sky-camera patches; the archive is in recording order, morning to dusk.

code: ND115
also:
object: val_loader | split | val_idx | train_idx | val_set
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

KINDS = ["clear", "cirrus", "cumulus", "stratus"]


def archive(n=720, seed=0):
    """the later in the day, the darker and redder"""
    g = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 4, (n,), generator=g)
    hour = torch.linspace(0, 1, n)
    yy, xx = torch.meshgrid(torch.linspace(0, 1, 18), torch.linspace(0, 1, 18), indexing="ij")
    sky = torch.zeros(n, 3, 18, 18)
    for i in range(n):
        p = torch.rand(2, generator=g) * 6.28
        if kind[i] == 0:
            cloud = torch.zeros(18, 18)
        elif kind[i] == 1:
            cloud = 0.5 * torch.sin(30 * (xx + 0.3 * yy) + p[0]).clamp(min=0)
        elif kind[i] == 2:
            cloud = (torch.sin(9 * xx + p[0]) * torch.sin(9 * yy + p[1])).clamp(min=0)
        else:
            cloud = 0.7 + 0.1 * torch.sin(5 * yy + p[0])
        light = 1.0 - 0.75 * hour[i] ** 2
        colour = torch.tensor([0.3 + 0.5 * hour[i] ** 2, 0.5, 0.9])[:, None, None]
        sky[i] = light * (colour + cloud * (1 - colour)) + 0.05 * torch.randn(3, 18, 18, generator=g)
    return sky, kind


def split(n, share=0.75):
    order = torch.arange(n)  # fault
    # fixed: order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    cut = int(share * n)
    return order[:cut].tolist(), order[cut:].tolist()


sky, kind = archive()
train_idx, val_idx = split(len(kind))  # here
centre = sky[train_idx].mean((0, 2, 3), keepdim=True)
spread = sky[train_idx].std((0, 2, 3), keepdim=True)
patches = TensorDataset((sky - centre) / spread, kind)
train_loader = DataLoader(Subset(patches, train_idx), batch_size=30, shuffle=True)
val_loader = DataLoader(Subset(patches, val_idx), batch_size=60)  # here


class SkyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.ModuleList([nn.Conv2d(3, 12, 3), nn.Conv2d(12, 24, 3)])
        self.out = nn.Linear(24, 4)

    def forward(self, x):
        for c in self.conv:
            x = torch.nn.functional.elu(c(x))
        return self.out(x.mean((2, 3)))


torch.manual_seed(0)
model = SkyNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_idx)
        print(f"epoch {epoch} train {sum(losses) / len(losses):.3f} val acc {acc:.3f}")
    model.train()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
