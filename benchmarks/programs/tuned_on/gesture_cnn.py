"""Wrist gestures from a three-axis accelerometer, 1-d CNN as one Sequential.

code: ND401
also:
object: model.10 | 10 | Softmax | loss_fn
seen: checkup
"""
import math
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, random_split, TensorDataset

torch.manual_seed(100)
t = torch.linspace(0, 1, 40)
N, K = 1000, 5
gesture = torch.randint(0, K, (N,))
freq = (gesture % 3 + 1).float()[:, None]
sign = torch.where(gesture >= 3, -1.0, 1.0)[:, None]
ph = 2 * math.pi * torch.rand(N, 1)
xyz = torch.stack([torch.sin(2 * math.pi * freq * t + ph), sign * torch.cos(2 * math.pi * freq * t + ph), 0.5 * torch.sin(4 * math.pi * t + ph)], 1)
xyz = xyz / 0.66 + 0.6 * torch.randn(N, 3, 40)
train_set, val_set = random_split(TensorDataset(xyz, gesture), [800, 200], generator=torch.Generator().manual_seed(0))
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

model = nn.Sequential(
    nn.Conv1d(3, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(16, 32, 5, padding=2), nn.BatchNorm1d(32), nn.ReLU(),
    nn.AdaptiveAvgPool1d(2), nn.Flatten(),
    nn.Linear(64, K),
    nn.Softmax(dim=1),  # fault
    # fixed:
)
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)


def train():
    for epoch in range(8):
        model.train()
        train_loss = 0.0
        for signal, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(signal), label)  # here
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * len(label)
        scheduler.step()
        model.eval()
        with torch.no_grad():
            n_right = sum((model(s).argmax(1) == l).sum().item() for s, l in val_loader)
        print(f"{epoch}: {train_loss / 800:.4f} {n_right / 200:.3f}")
    return train_loss / 800


if __name__ == "__main__":
    print(train())
