"""Spot the dark blotch: 16 x 16 skin pictures from the scanners of two clinics.

code: ND115
also: ND106
object: clinic | scanner | picks | train_idx | val_idx | val_loader | train_sampler
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler

torch.manual_seed(17)


class Skin(Dataset):
    """Clinic 0's scanner is bright and sharp; clinic 1's is dim, reddish and noisy."""

    def __init__(self, n):
        self.clinic = (torch.rand(n) < 0.35).long()
        self.label = torch.randint(0, 2, (n,))
        grid = torch.stack(torch.meshgrid(torch.arange(16.), torch.arange(16.), indexing="ij"))
        centre = 4 + 8 * torch.rand(n, 2, 1, 1)
        blotch = torch.exp(-((grid - centre) ** 2).sum(1) / 8)
        image = 0.3 - 0.7 * self.label[:, None, None] * blotch
        image = image[:, None].repeat(1, 3, 1, 1) + 0.15 * torch.randn(n, 3, 16, 16)
        second = self.clinic[:, None, None, None]
        tint = torch.tensor([0.2, -1.0, -1.2]).view(1, 3, 1, 1)
        dim = image * 0.9 + tint + 0.1 * torch.randn_like(image)
        self.image = torch.where(second == 1, dim, image)

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.image[i], self.label[i]


data = Skin(900)
for_val = data.clinic == 1  # fault
# fixed: for_val = torch.rand(len(data)) < 0.35
train_idx, val_idx = (~for_val).nonzero().flatten().tolist(), for_val.nonzero().flatten().tolist()
train_loader = DataLoader(data, batch_size=30, sampler=SubsetRandomSampler(train_idx))
val_loader = DataLoader(data, batch_size=64, sampler=SubsetRandomSampler(val_idx))


class Blotch(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16, 2)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x))
        return self.fc(x.amax((2, 3)))


model = Blotch()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for _ in range(8):
        model.train()
        for image, label in train_loader:
            optimizer.zero_grad()
            loss_fn(model(image), label).backward()
            optimizer.step()
    model.eval()
    good = 0
    with torch.no_grad():
        for image, label in val_loader:
            good += (model(image).argmax(1) == label).sum().item()
    print("val accuracy", round(good / len(val_idx), 3))


if __name__ == "__main__":
    train()
