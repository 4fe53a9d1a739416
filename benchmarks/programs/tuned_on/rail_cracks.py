"""Crack or no crack in rail images; the rate follows the linear scaling rule.

code: ND604
also: ND706, ND503
object: optimizer | lr | scaled_lr | BASE_LR
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

BASE_LR, BASE_BATCH = 0.05, 32
batch_size = 40


def scaled_lr():
    return BASE_LR * batch_size  # fault
    # fixed: return BASE_LR * batch_size / BASE_BATCH


class Rails(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.img = 0.5 * torch.randn(n, 1, 20, 20, generator=g)
        self.crack = torch.arange(n) % 2
        for i in range(1, n, 2):
            c = int(torch.randint(3, 17, (1,), generator=g))
            r = int(torch.randint(0, 10, (1,), generator=g))
            self.img[i, 0, r:r + 10, c] -= 1.0
        self.img /= self.img.std()

    def __len__(self):
        return len(self.crack)

    def __getitem__(self, i):
        return self.img[i], self.crack[i]


torch.manual_seed(1)
train_loader = DataLoader(Rails(800, 0), batch_size=batch_size, shuffle=True)
val_loader = DataLoader(Rails(200, 1), batch_size=100)
model = nn.Sequential(
    nn.Conv2d(1, 8, (5, 3), padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(2),
    nn.Flatten(), nn.Linear(64, 2),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=scaled_lr(), momentum=0.9)  # here


def train():
    for epoch in range(12):
        model.train()
        acc = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            acc.append(loss.item())
        model.eval()
        with torch.no_grad():
            hit = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 200
        print(epoch, sum(acc) / len(acc), hit)
    return sum(acc) / len(acc)


if __name__ == "__main__":
    print(train())
