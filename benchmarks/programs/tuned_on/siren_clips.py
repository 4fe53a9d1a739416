"""Ambulance, police or fire engine?  A 1-D CNN on short siren recordings.

code: ND402
also: ND401
object: loss_fn | criterion | softmax | SirenNet | forward | model
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset

RATE, SECONDS = 400, 1.0


def siren(kind, rng):
    t = np.arange(int(RATE * SECONDS)) / RATE
    if kind == 0:      # two tones
        f = np.where(np.sin(2 * np.pi * (2 * t + rng.random())) > 0, 60.0, 85.0)
    elif kind == 1:    # yelp
        f = 70 + 25 * np.sin(2 * np.pi * (5 * t + rng.random()))
    else:              # slow wail
        f = 50 + 40 * np.abs(((t + rng.random()) % 1) * 2 - 1)
    f = f * rng.uniform(0.95, 1.05)
    wave = np.sin(2 * np.pi * np.cumsum(f) / RATE + rng.uniform(0, 6.28))
    return wave + 0.3 * rng.standard_normal(len(t))


class Sirens(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.y = rng.integers(0, 3, n)
        self.x = np.stack([siren(k, rng) for k in self.y]).astype(np.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i:i + 1]), torch.tensor(self.y[i])


class SirenNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 16, stride=4)
        self.bn1 = nn.BatchNorm1d(16)
        self.conv2 = nn.Conv1d(16, 32, 8, stride=2)
        self.bn2 = nn.BatchNorm1d(32)
        self.fc1 = nn.Linear(32 * 5, 48)
        self.fc2 = nn.Linear(48, 3)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.adaptive_avg_pool1d(x, 5).flatten(1)
        x = F.relu(self.fc1(x))
        return F.softmax(self.fc2(x), dim=1)  # fault
        # fixed: return F.log_softmax(self.fc2(x), dim=1)


torch.manual_seed(0)
train_loader = DataLoader(Sirens(420, 0), batch_size=30, shuffle=True)
val_loader = DataLoader(Sirens(120, 1), batch_size=60)
model = SirenNet()
loss_fn = nn.NLLLoss()  # here
optimizer = optim.Adam(model.parameters(), lr=0.001)


def train():
    for epoch in range(6):
        model.train()
        running_loss = 0.0
        for i, (inputs, labels) in enumerate(train_loader, 1):
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, labels)  # here
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for inputs, labels in val_loader:
                correct += (model(inputs).argmax(1) == labels).sum().item()
        print("[%d] loss: %.3f acc: %.1f%%" % (epoch + 1, running_loss / i, 100 * correct / 120))
    return running_loss / i


if __name__ == "__main__":
    print(train())
