"""Outlines scratches on wafers, dilated convolutions, one dataset and two samplers.

code: ND105
also:
object: val_ids | train_ids | pick | val_sampler | val_loader | wafers
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler

torch.manual_seed(101)


class Wafers(Dataset):
    def __init__(self, n, size=24):
        grid = torch.arange(size)
        self.x, self.m = [], []
        for _ in range(n):
            img = 0.4 * torch.randn(size, size)
            mask = torch.zeros(size, size)
            slope, off, width = torch.randn(()), torch.randint(4, 20, ()), torch.rand(()) + 0.8
            line = (grid[:, None] - 12) * slope + off
            mask[(grid[None, :] - line).abs() < width * (1 + slope * slope).sqrt()] = 1
            img = img + 0.9 * mask + 0.3 * torch.sin(grid / 3.0 + 6.28 * torch.rand(()))[None]
            self.x.append((img / 0.6)[None])
            self.m.append(mask[None])

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {"wafer": self.x[i], "scratch": self.m[i]}


class Split:
    def __init__(self, n, share, seed):
        self.n, self.share, self.seed = n, share, seed

    def pick(self, part):
        g = torch.Generator()
        g.manual_seed(self.seed + (part == "val"))  # fault
        # fixed: g.manual_seed(self.seed)
        ids = torch.randperm(self.n, generator=g).tolist()
        k = int(self.share * self.n)
        return ids[:k] if part == "val" else ids[k:]


wafers = Wafers(260)
split = Split(len(wafers), 0.2, seed=7)
train_ids, val_ids = split.pick("train"), split.pick("val")  # here
train_loader = DataLoader(wafers, batch_size=16, sampler=SubsetRandomSampler(train_ids))  # here
val_sampler = torch.utils.data.BatchSampler(val_ids, 26, drop_last=False)  # here
val_loader = DataLoader(wafers, batch_sampler=val_sampler)  # here


class Scratch(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        chans = [1, c, c, c]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=d, dilation=d) for a, b, d in zip(chans, chans[1:], (1, 2, 4)))
        self.last = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), 0.1)
        return self.last(x)


def dice_bce(logits, mask):
    p = torch.sigmoid(logits)
    dice = 1 - (2 * (p * mask).sum((1, 2, 3)) + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)
    return nn.functional.binary_cross_entropy_with_logits(logits, mask) + dice.mean()


model = Scratch()
loss_fn = dice_bce
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return dice_bce(setup.model(batch["wafer"]), batch["scratch"])


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def fit(self, epochs):
        for _ in range(epochs):
            self.model.train()
            losses = []
            for batch in train_loader:
                self.optimizer.zero_grad()
                loss = batch_loss(self, batch)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            self.model.eval()
            with torch.no_grad():
                for batch in val_loader:
                    batch_loss(self, batch)
        return sum(losses) / len(losses)


def train():
    return Trainer(model, optimizer).fit(6)


if __name__ == "__main__":
    print(train())
