"""Left/right motor imagery from 8-channel EEG epochs. EEGNet-like; channel dropout and time shift applied in the collate.

code: ND109
also:
object: Collate | gen | generator | __call__ | train_loader
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Collate:
    def __init__(self, max_shift=8, p_channel=0.2, seed=7):
        self.max_shift, self.p_channel, self.seed = max_shift, p_channel, seed
        self.gen = torch.Generator().manual_seed(torch.initial_seed() % 2**31 + seed)

    def __call__(self, rows):
        x, y = torch.utils.data.default_collate(rows)
        gen = torch.Generator().manual_seed(self.seed)  # fault
        # fixed: gen = self.gen
        shifts = torch.randint(-self.max_shift, self.max_shift + 1, (len(x),), generator=gen)
        x = torch.stack([row.roll(int(s), -1) for row, s in zip(x, shifts)])
        keep = torch.rand(len(x), x.shape[1], 1, generator=gen) > self.p_channel
        return x * keep, y


def imagery(n, seed):
    gen = torch.Generator().manual_seed(seed)
    side = torch.randint(0, 2, (n,), generator=gen)
    t = torch.arange(128) / 128.0
    phase = torch.rand(n, 8, 1, generator=gen) * 6.28
    mu = torch.sin(2 * torch.pi * 11 * t + phase)
    power = torch.full((n, 8, 1), 1.0)
    power[side == 0, :3] = 0.4
    power[side == 1, 5:] = 0.4
    x = power * mu + 0.7 * torch.randn(n, 8, 128, generator=gen)
    return TensorDataset(x / x.std(), side)


class EEGNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.temporal = nn.Conv2d(1, 6, (1, 17), padding=(0, 8), bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.spatial = nn.Conv2d(6, 12, (8, 1), groups=6, bias=False)
        self.bn2 = nn.BatchNorm2d(12)
        self.drop = nn.Dropout(0.2)
        self.cls = nn.Linear(12, 2)

    def forward(self, x):
        x = self.bn2(self.spatial(self.bn(self.temporal(x[:, None]))))
        return self.cls(self.drop((x ** 2).mean((2, 3)).clamp(min=1e-4).log()))


torch.manual_seed(0)
model = EEGNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
train_loader = DataLoader(imagery(320, 1), batch_size=32, shuffle=True, collate_fn=Collate())  # here
val_loader = DataLoader(imagery(120, 2), batch_size=60)


def train():
    for epoch in range(10):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
    model.eval()
    with torch.no_grad():
        print("acc", sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 120)
    model.train()
    return total


if __name__ == "__main__":
    print(train())
