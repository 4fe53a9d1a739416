"""Sort heartbeats (normal, atrial, ventricular) from 60-sample curves; a weighted loss is to help the rare kinds.

code: ND107
also:
object: loss_fn | weight | class_weight | counts | CrossEntropyLoss
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)
KINDS = ["normal", "atrial", "ventricular"]
CFG = dict(beats=1800, share=[0.78, 0.14, 0.08], batch=60, lr=2e-3, epochs=9)


def beats(n, seed):
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=CFG["share"])
    t = np.linspace(0, 1, 60)
    curves = np.empty((n, 60))
    for i, k in enumerate(kind):
        width = rng.normal([0.040, 0.040, 0.066][k], 0.009)
        early = rng.normal([0.30, 0.23, 0.30][k], 0.022)
        curves[i] = 2.5 * np.exp(-((t - 0.5) / width) ** 2) + np.exp(-((t - early) / 0.05) ** 2)
    curves += rng.normal(0, 0.35, curves.shape)
    return torch.tensor((curves - 0.3) / 0.7, dtype=torch.float32)[:, None], torch.tensor(kind)


train_x, train_y = beats(CFG["beats"], 0)
val_x, val_y = beats(600, 1)
train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=CFG["batch"], shuffle=True)
val_loader = DataLoader(TensorDataset(val_x, val_y), batch_size=200)


class BeatNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 12, 7, padding=3)
        self.conv2 = nn.Conv1d(12, 16, 5, padding=2)
        self.fc = nn.Linear(16 * 15, 3)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x)), 2)
        x = F.max_pool1d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


model = BeatNet()
counts = torch.bincount(train_y, minlength=3).float()
weight = counts / counts.sum()  # fault
# fixed: weight = counts.sum() / (3 * counts)
loss_fn = nn.CrossEntropyLoss(weight=weight)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=CFG["lr"])


def train():
    for epoch in range(CFG["epochs"]):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        guess = torch.cat([model(x).argmax(1) for x, _ in val_loader])
    recall = [(guess[val_y == k] == k).float().mean().item() for k in range(3)]
    print("recall", {name: round(r, 2) for name, r in zip(KINDS, recall)}, "mean", round(sum(recall) / 3, 3))


if __name__ == "__main__":
    train()
