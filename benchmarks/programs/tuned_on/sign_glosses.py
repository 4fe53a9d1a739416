"""Glosses of signs from hand key points over time (1-d CNN); keeps the best epoch by validation accuracy.

code: ND702
also: ND708
object: evaluate | model.eval | accuracy | val_loader
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class KeyPoints(Dataset):
    def __init__(self, n, seed, T=16):
        g = torch.Generator().manual_seed(seed)
        self.gloss = torch.randint(0, 6, (n,), generator=g)
        t = torch.linspace(0, 6.283, T)
        f = (1 + self.gloss % 3).float()[:, None]
        d = (self.gloss // 3).float()[:, None] * 1.57
        x = torch.stack([torch.sin(f * t), torch.sin(f * t + d + 0.4), torch.cos(f * t)], 1)
        self.x = (x + 0.7 * torch.randn(n, 3, T, generator=g))

    def __len__(self):
        return len(self.gloss)

    def __getitem__(self, i):
        return {"x": self.x[i], "y": self.gloss[i]}


class SignNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(3, 24, 5, padding=2), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.4),
            nn.Conv1d(24, 24, 5, padding=2), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.4),
        )
        self.fc = nn.Linear(24, 6)

    def forward(self, x):
        return self.fc(self.conv(x).mean(-1))


torch.manual_seed(36)
train_loader = DataLoader(KeyPoints(600, 0), batch_size=30, shuffle=True)
val_loader = DataLoader(KeyPoints(150, 1), batch_size=50)
model = SignNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return criterion(setup.model(batch["x"]), batch["y"])


def evaluate():
    correct = total = 0  # fault
    # fixed: model.eval()
    # fixed: correct = total = 0
    with torch.no_grad():
        for b in val_loader:
            correct += (model(b["x"]).argmax(1) == b["y"]).sum().item()  # here
            total += len(b["y"])
    return correct / total


def train():
    best, best_epoch = 0.0, -1
    for epoch in range(8):
        model.train()
        run = []
        for b in train_loader:
            loss = criterion(model(b["x"]), b["y"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.append(loss.item())
        acc = evaluate()  # here
        if acc > best:
            best, best_epoch = acc, epoch
    print("best", best, "at", best_epoch)
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())
