"""Arrhythmia classes of single heart beats, 187 samples each, with a 1-d CNN.

code: ND312
also:
object: fc1 | classifier | model.fc1 | flatten | view
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

np.random.seed(187)
torch.manual_seed(187)
CLASSES = ["N", "S", "V", "F", "Q"]


def beat(kind, n=187):
    t = np.linspace(0, 1, n)
    def bump(centre, width, height):
        return height * np.exp(-((t - centre) / width) ** 2)
    j = np.random.normal(0, 0.01)
    qrs_width = [0.02, 0.02, 0.07, 0.045, 0.03][kind]
    p_height = [0.2, 0.05, 0.0, 0.15, 0.25][kind]
    t_height = [0.3, 0.3, -0.35, 0.05, 0.6][kind]
    x = bump(0.15 + j, 0.03, p_height) + bump(0.3 + j, qrs_width, 1.0) + bump(0.55 + j, 0.06, t_height)
    return (x + np.random.normal(0, 0.08, n)).astype(np.float32)


class BeatDataset(Dataset):
    def __init__(self, n):
        self.y = np.random.randint(0, len(CLASSES), n)
        self.x = np.stack([beat(k) for k in self.y])
        self.x = (self.x - 0.11) / 0.28

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]).float().unsqueeze(0), int(self.y[i])


class ECGNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, kernel_size=5)
        self.conv2 = nn.Conv1d(16, 32, kernel_size=5)
        self.fc1 = nn.Linear(32 * 46, 64)  # fault
        # fixed: self.fc1 = nn.Linear(32 * 43, 64)
        self.fc2 = nn.Linear(64, len(CLASSES))

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x)), 2)
        x = F.max_pool1d(F.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)  # here
        x = F.relu(self.fc1(x))  # here
        return self.fc2(x)


train_loader = DataLoader(BeatDataset(400), batch_size=32, shuffle=True)
val_loader = DataLoader(BeatDataset(120), batch_size=60)
model = ECGNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(n_epochs=5):
    for epoch in range(n_epochs):
        model.train()
        running = 0.0
        for signal, label in train_loader:
            optimizer.zero_grad()
            out = model(signal)  # here
            loss = loss_fn(out, label)
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        good = 0
        with torch.no_grad():
            for signal, label in val_loader:
                good += (model(signal).argmax(1) == label).sum().item()
        print("epoch %d loss %.4f val acc %.3f" % (epoch + 1, running / len(train_loader), good / 120))
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
