"""Eight spoken commands from mel frames (toy), attention pooling; reports validation accuracy per epoch.

code: ND708
also:
object: accuracy | acc | evaluate | val_loader | mean
seen: watch
"""
import math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(25)
COMMANDS = ["yes", "no", "up", "down", "left", "right", "stop", "go"]
shapes = torch.randn(len(COMMANDS), 12, 20)


def say(n, noise):
    c = torch.randint(0, 8, (n,))
    mel = shapes[c] * torch.rand(n, 1, 1).add(0.5)
    shift = torch.randint(0, 4, (n,))
    mel = torch.stack([m.roll(int(s), -1) for m, s in zip(mel, shift)])
    return (mel + noise * torch.randn_like(mel)) / math.sqrt(1 + noise ** 2), c


class Pooler(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.frames = nn.Conv1d(12, d, 3, padding=1)
        self.query = nn.Parameter(torch.randn(d) / math.sqrt(d))
        self.out = nn.Linear(d, 8)

    def forward(self, mel):
        h = self.frames(mel).relu().transpose(1, 2)
        w = (h @ self.query / math.sqrt(h.shape[-1])).softmax(1)
        return self.out(torch.einsum("bt,btd->bd", w, h))


train_loader = DataLoader(TensorDataset(*say(1200, 1.6)), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(*say(131, 1.6)), batch_size=64)  # here
model, loss_fn = Pooler(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


def evaluate():
    model.eval()
    accs = []  # here
    with torch.no_grad():
        for mel, c in val_loader:
            accs.append((model(mel).argmax(-1) == c).float().mean().item())  # fault
            # fixed: accs.extend((model(mel).argmax(-1) == c).float().tolist())
    return float(np.mean(accs))  # here


def train():
    best = 0.0
    for epoch in range(12):
        model.train()
        losses = []
        for mel, c in train_loader:
            loss = loss_fn(model(mel), c)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        acc = evaluate()
        best = max(best, acc)
        print(f"epoch {epoch:2d}  loss {np.mean(losses):.3f}  val acc {acc:.4f}  best {best:.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
