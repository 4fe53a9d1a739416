"""Sorts stamp scans (digits stand in for them); random erasing and noise make training robust.

code: ND110
also: ND106
object: augment | val_set | Stamps | val_loader
seen: both
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(48)


def smudge(img):
    out = img + 0.25 * torch.randn_like(img)
    r, c = torch.randint(0, 4, (2,)).tolist()
    out[:, r:r + 5, c:c + 5] = 0.0
    return out


class Stamps(Dataset):
    def __init__(self, images, labels, augment=True):
        self.images, self.labels, self.augment = images, labels, augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        img = self.images[i].unsqueeze(0)
        if self.augment:
            img = smudge(img)
        return img, self.labels[i]


d = load_digits()
order = torch.randperm(len(d.target))
images, labels = torch.tensor(d.images).float()[order] / 16, torch.tensor(d.target)[order]
train_set = Stamps(images[:1400], labels[:1400], augment=True)
val_set = Stamps(images[1400:], labels[1400:])  # fault
# fixed: val_set = Stamps(images[1400:], labels[1400:], augment=False)
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)  # here

model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten(),
                      nn.Linear(16 * 64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def validate():
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_set)


def train():
    for epoch in range(14):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    print(f"val accuracy {validate():.3f}")


if __name__ == "__main__":
    train()
