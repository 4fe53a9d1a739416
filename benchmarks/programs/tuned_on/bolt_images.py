"""Camera over the belt: is the bolt's thread damaged?

code: ND702
also: ND708
object: validate | model | val_loader | evaluation | BatchNorm2d | Dropout
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(73)


class Bolts(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.bad = torch.randint(0, 2, (n,), generator=g).float()
        cols = torch.arange(32.0)
        phase = torch.rand(n, 1, generator=g) * 6.28
        thread = torch.sin(cols * 1.3 + phase).unsqueeze(1).repeat(1, 16, 1)
        for i in torch.nonzero(self.bad).flatten().tolist():
            a = int(torch.randint(2, 24, (1,), generator=g))
            thread[i, :, a:a + 6] *= 0.15
        img = thread + 0.6 * torch.randn(n, 16, 32, generator=g)
        self.img = (img / 0.92).unsqueeze(1)

    def __len__(self):
        return len(self.bad)

    def __getitem__(self, i):
        return self.img[i], self.bad[i]


train_loader = DataLoader(Bolts(480, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Bolts(120, 2), batch_size=8)


class BoltNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d((4, 2)),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d((4, 2)),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(16 * 8, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 1))

    def forward(self, x):
        return self.classifier(self.features(x)).squeeze(1)


model = BoltNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)


def train_one_epoch():
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    return total / len(train_loader.dataset)


def validate():
    total, right = 0.0, 0
    with torch.no_grad():  # fault
    # fixed: model.eval()
    # fixed: with torch.no_grad():
        for x, y in val_loader:
            z = model(x)  # here
            total += loss_fn(z, y).item() * len(x)
            right += ((z > 0) == (y > 0.5)).sum().item()
    return total / len(val_loader.dataset), right / len(val_loader.dataset)


def train():
    for epoch in range(8):
        tr = train_one_epoch()
        va, acc = validate()  # here
        print(f"{epoch} {tr:.4f} {va:.4f} {acc:.3f}")
    return tr


if __name__ == "__main__":
    print(train())
