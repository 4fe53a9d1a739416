"""Which of four cluster types is a set of 25 stars? A deep-sets net, gradients accumulated over 16 small batches.

code: ND603
also: ND604
object: accumulate | ACCUMULATE | backward | loss
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

ACCUMULATE = 16


class Clusters(Dataset):
    """Disc, ring, line or two clumps of stars."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for _ in range(n):
            kind = int(torch.randint(4, (1,), generator=g))
            a = torch.rand(25, generator=g) * 6.283
            r = torch.rand(25, generator=g).sqrt() if kind == 0 else torch.ones(25)
            xy = torch.stack([r * a.cos(), r * a.sin()], 1)
            if kind == 2:
                xy[:, 1] *= 0.15
            if kind == 3:
                xy = 0.3 * xy + torch.sign(torch.rand(25, 1, generator=g) - 0.5)
            xy = 1.3 * xy + 0.1 * torch.randn(25, 2, generator=g)
            self.items.append((xy, kind))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class DeepSets(nn.Module):
    def __init__(self):
        super().__init__()
        self.star = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.group = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, stars):
        return self.group(self.star(stars).mean(1))


torch.manual_seed(64)
train_loader = DataLoader(Clusters(1024, 1), batch_size=8, shuffle=True)
val_loader = DataLoader(Clusters(200, 2), batch_size=50)
model = DeepSets()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)


def train():
    for epoch in range(12):
        model.train()
        optimizer.zero_grad()
        for i, (stars, kind) in enumerate(train_loader):
            loss = loss_fn(model(stars), kind)
            loss.backward()  # fault
            # fixed: (loss / ACCUMULATE).backward()
            if (i + 1) % ACCUMULATE == 0:
                optimizer.step()  # here
                optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        acc = sum((model(s).argmax(1) == k).sum().item() for s, k in val_loader) / 200
    print("accuracy", acc)


if __name__ == "__main__":
    train()
