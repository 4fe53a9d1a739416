"""Rock type along a borehole: wide 1-D convolutions over log curves, one window per sample.

code: ND104
also:
object: Borehole | __getitem__ | rock | facies | labels | train_loader | train_set
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

g = torch.Generator().manual_seed(88)
ROCKS, LEN, CURVES = 4, 32, 3
SIGNATURE = torch.randn(ROCKS, CURVES, generator=g) * 1.2


def interval():
    bounds = torch.sort(torch.randint(3, LEN - 3, (3,), generator=g)).values
    rock = torch.randint(0, ROCKS, (4,), generator=g)
    label = rock[torch.bucketize(torch.arange(LEN), bounds)]
    curves = SIGNATURE[label] + 0.5 * torch.randn(LEN, CURVES, generator=g)
    return curves.T.contiguous(), label


class Borehole(Dataset):
    def __init__(self, n):
        made = [interval() for _ in range(n)]
        self.logs = torch.stack([m[0] for m in made])
        self.facies = torch.stack([m[1] for m in made])

    def __len__(self):
        return len(self.logs)

    def __getitem__(self, i):
        curves = self.logs[i]
        rock = self.facies[i - 1]  # fault
        # fixed: rock = self.facies[i]
        return curves, rock  # here


train_set = Borehole(400)  # here
val_set = Borehole(100)
norm = train_set.logs.mean((0, 2), keepdim=True)[0], train_set.logs.std((0, 2), keepdim=True)[0]
for part in (train_set, val_set):
    part.logs = (part.logs - norm[0]) / norm[1]
torch.manual_seed(1)
train_loader = DataLoader(train_set, batch_size=25, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=50)


class LogNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.stem = nn.Conv1d(CURVES, width, 5, padding=2)
        self.blocks = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in (1, 2))
        self.norms = nn.ModuleList(nn.GroupNorm(4, width) for _ in range(2))
        self.classify = nn.Conv1d(width, ROCKS, 1)

    def forward(self, x):
        h = self.stem(x)
        for conv, norm in zip(self.blocks, self.norms):
            h = h + conv(torch.relu(norm(h)))
        return self.classify(torch.relu(h))


model = LogNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)


def train():
    window = []
    for epoch in range(7):
        model.train()
        for curves, rock in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(curves), rock)
            loss.backward()
            optimizer.step()
            window.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = [(model(c).argmax(1) == r).float().mean().item() for c, r in val_loader]
    return sum(window[-16:]) / 16


if __name__ == "__main__":
    print(train())
