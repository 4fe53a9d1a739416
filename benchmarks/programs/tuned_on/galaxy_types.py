"""Galaxy zoo in miniature: elliptical, spiral or irregular, from 20x20 stamps.

code: ND702
also:
object: eval | validate | train | model
seen: watch
"""
import math
import torch
import torch.nn as nn


def stamps(n, g):
    kind = torch.randint(0, 3, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 20), torch.linspace(-1, 1, 20), indexing="ij")
    r, a = (xx ** 2 + yy ** 2).sqrt(), torch.atan2(yy, xx)
    turn = torch.rand(n, 1, 1, generator=g) * 2 * math.pi
    smooth = torch.exp(-3 * r).expand(n, -1, -1)
    arms = smooth * (1 + torch.cos(2 * a - 6 * r + turn))
    lumps = torch.exp(-8 * ((xx - 0.5 * turn.cos()) ** 2 + (yy - 0.5 * turn.sin()) ** 2)) + 0.4 * smooth
    img = torch.where((kind == 0)[:, None, None], smooth, torch.where((kind == 1)[:, None, None], arms, lumps))
    img = img + 0.25 * torch.randn(n, 20, 20, generator=g)
    return ((img - 0.25) / 0.4).unsqueeze(1), kind


class GalaxyNet(nn.Module):
    def __init__(self):
        super().__init__()
        def stage(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.stages = nn.Sequential(stage(1, 8), stage(8, 16))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(400, 3))

    def forward(self, x):
        return self.head(self.stages(x))


g = torch.Generator().manual_seed(2)
torch.manual_seed(2)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*stamps(480, g)), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*stamps(160, g)), batch_size=80)
model = GalaxyNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


@torch.no_grad()
def validate():
    model.eval()  # here
    good = 0
    for x, y in val_loader:
        good += (model(x).argmax(1) == y).sum().item()
    return good / 160


def train(epochs=8):
    best = validate()
    for epoch in range(epochs):
        total = 0.0  # fault
        # fixed: model.train()
        # fixed: total = 0.0
        for x, y in train_loader:  # here
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        best = max(best, validate())
    print("best accuracy", best)
    return total / len(train_loader)


if __name__ == "__main__":
    train()
