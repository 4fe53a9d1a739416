"""Do two pictures show the same sneaker?  Triplets, a shared encoder, its own learning rate for the last layer.

code: ND604
also: ND706
object: optimizer | project.weight | project | project.bias | lr
seen: both
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class Triplets(Dataset):
    def __init__(self, n=640):
        g = torch.Generator().manual_seed(31)
        self.kinds = torch.randn(16, 1, 12, 12, generator=g)
        self.g, self.n = g, n
        pick = torch.stack([torch.randperm(16, generator=g)[:2] for _ in range(n)])
        noise = lambda: 1.6 * torch.randn(n, 1, 12, 12, generator=g)
        self.a, self.p, self.q = self.kinds[pick[:, 0]] + noise(), self.kinds[pick[:, 0]] + noise(), self.kinds[pick[:, 1]] + noise()

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.a[i], self.p[i], self.q[i]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                                  nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten())
        self.project = nn.Linear(144, 16)

    def forward(self, x):
        return self.project(self.conv(x))


torch.manual_seed(31)
model = Encoder()
triplet = nn.TripletMarginLoss(margin=1.0)
train_loader = DataLoader(Triplets(), batch_size=32, shuffle=True)
optimizer = torch.optim.AdamW([
    {"params": model.conv.parameters(), "lr": 1e-3},
    {"params": model.project.parameters(), "lr": 3.0},  # fault
    # fixed: {"params": model.project.parameters(), "lr": 3e-3},
], weight_decay=1e-3)  # here


def batch_loss(setup, batch):
    return triplet(*(setup.model(part) for part in batch))


class _Run:
    pass


def train():
    run = _Run()
    run.model = model
    history = []
    for epoch in range(6):
        model.train()
        for batch in train_loader:
            loss = batch_loss(run, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
    return sum(history[-20:]) / 20


if __name__ == "__main__":
    print(train())
