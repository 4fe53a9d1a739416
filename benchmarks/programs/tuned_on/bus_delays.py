"""Delay of city buses from line, stop, weekday (embeddings) and weather columns.

code: ND306
also:
object: forward | dropout | F.dropout | DelayNet
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(31)
LINES, STOPS, DAYS, NUM = 12, 40, 7, 4


def simulate(n=1600):
    cat = torch.stack([torch.randint(k, (n,)) for k in (LINES, STOPS, DAYS)], 1)
    num = torch.randn(n, NUM)                       # rain, wind, load, temperature (standardised)
    line, stop, day = 1.2 * torch.randn(LINES), 0.6 * torch.randn(STOPS), 0.4 * torch.randn(DAYS)
    delay = line[cat[:, 0]] + stop[cat[:, 1]] + day[cat[:, 2]] + 0.8 * F.relu(num[:, 0]) * num[:, 2].sigmoid() + 0.5 * num[:, 2]
    delay = delay + 0.2 * torch.randn(n)
    return cat, num, (delay - delay.mean()) / delay.std()


class DelayNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embs = nn.ModuleList([nn.Embedding(k, d) for k, d in ((LINES, 6), (STOPS, 10), (DAYS, 4))])
        self.fc1 = nn.Linear(20 + NUM, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 1)

    def forward(self, cat, num):
        x = torch.cat([e(cat[:, i]) for i, e in enumerate(self.embs)] + [num], 1)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, p=0.4)  # fault
        # fixed: x = F.dropout(x, p=0.4, training=self.training)
        x = F.relu(self.fc2(x))
        x = F.dropout(x, p=0.2)  # fault
        # fixed: x = F.dropout(x, p=0.2, training=self.training)
        return self.fc3(x).squeeze(-1)


dataset = TensorDataset(*simulate())
train_ds, val_ds = random_split(dataset, [1280, 320])
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=160)
model = DelayNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4)


def batch_loss(setup, batch):
    cat, num, y = batch
    return loss_fn(setup.model(cat, num), y)


def run_epoch(loader, training):
    model.train(training)
    total = 0.0
    with torch.set_grad_enabled(training):
        for cat, num, y in loader:
            loss = loss_fn(model(cat, num), y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(y)
    return total / len(loader.dataset)


def train(epochs=12):
    best = float("inf")
    for epoch in range(epochs):
        tr = run_epoch(train_loader, True)
        va = run_epoch(val_loader, False)
        best = min(best, va)
        print(f"{epoch:3d}  train {tr:.4f}  valid {va:.4f}  best {best:.4f}")
    return tr


if __name__ == "__main__":
    print(train())
