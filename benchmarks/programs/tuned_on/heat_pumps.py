"""Load of a heat pump in an hour, temporal convolution over the last day.

code: ND106
also:
object: val_set | HeatPump | __getitem__ | val_loader | column 0 | outdoor
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(92)


def houses(n):
    h = torch.arange(24.0)
    phase = 6.28 * torch.rand(n, 1)
    outdoor = 4 + 5 * torch.randn(n, 1) + 4 * torch.sin(h * 2 * math.pi / 24 + phase) + torch.randn(n, 24)
    indoor = 20.5 + 0.6 * torch.randn(n, 1) + 0.3 * torch.randn(n, 24)
    load = 0.12 * (indoor[:, -6:] - outdoor[:, -6:]).mean(1) + 0.3 * torch.relu(0 - outdoor[:, -1]) / 4 + 0.08 * torch.randn(n)
    return torch.stack([outdoor, indoor], 1), load


class HeatPump(Dataset):
    def __init__(self, n, split):
        self.split = split
        self.x, self.load = houses(n)

    def set_scale(self, like):
        self.mu, self.sd = like.x.mean((0, 2)).view(2, 1), like.x.std((0, 2)).view(2, 1)
        self.lm, self.ls = like.load.mean(), like.load.std()
        return self

    def __len__(self):
        return len(self.load)

    def __getitem__(self, i):
        x = self.x[i].clone()
        if self.split == "train":
            x = (x - self.mu) / self.sd
        else:
            x = x - self.mu  # fault
            # fixed: x = (x - self.mu) / self.sd
        return x, (self.load[i] - self.lm) / self.ls  # here


train_set = HeatPump(700, "train")
train_set.set_scale(train_set)
val_set = HeatPump(200, "val").set_scale(train_set)  # here
train_loader = DataLoader(train_set, batch_size=35, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)  # here


class TCN(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.a = nn.Conv1d(2, c, 3)
        self.b = nn.Conv1d(c, c, 3, dilation=2)
        self.c = nn.Conv1d(c, c, 3, dilation=4)
        self.end = nn.Linear(c * 10, 1)

    def forward(self, x):
        for conv in (self.a, self.b, self.c):
            x = torch.nn.functional.gelu(conv(x))
        return self.end(x.flatten(1)).squeeze(1)


model = TCN()
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        part = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            part.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(x), y).item() for x, y in val_loader]
    print("val", val)
    return sum(part) / len(part)


if __name__ == "__main__":
    print(train())
