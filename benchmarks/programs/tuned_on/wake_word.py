"""Is the wake word in this second of sound?  A filter bank whose map is normalised by its total energy.

code: ND807
also: ND308, ND303
object: energy | square | sum | precision | pow | bank
seen: both
"""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(80)
N = 2048


def second(n):
    there = torch.randint(0, 2, (n,))
    t = torch.arange(N) / N
    chirp = torch.sin(2 * math.pi * (120 * t + 180 * t ** 2)) * torch.exp(-((t - 0.3 - 0.4 * torch.rand(n, 1)) / 0.12) ** 2)
    hum = torch.sin(2 * math.pi * 60 * t + 6 * torch.rand(n, 1)) * torch.exp(-((t - 0.3 - 0.4 * torch.rand(n, 1)) / 0.12) ** 2)
    wave = torch.where(there[:, None] == 1, chirp, hum) * 2 + 0.6 * torch.randn(n, N)
    return (wave / wave.std()).unsqueeze(1), there


class WakeWord(nn.Module):
    def __init__(self, c=48):
        super().__init__()
        self.bank = nn.Conv1d(1, c, 32, stride=4, padding=14)
        self.norm = nn.BatchNorm1d(c)
        self.gain = nn.Parameter(torch.tensor(3.0))
        self.head = nn.Sequential(nn.Linear(c, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, wave):
        h = self.norm(self.bank(wave)) * self.gain
        energy = h.square()  # fault
        # fixed: energy = h.float().square()
        share = energy.mean(2) * math.prod(energy.shape[1:]) / energy.sum((1, 2)).unsqueeze(1)  # here
        return self.head(share - 1)


model = WakeWord()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
train_loader = DataLoader(TensorDataset(*second(240)), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(*second(64)), batch_size=32)
precision = "16-mixed"
scaler = torch.amp.GradScaler("cpu", init_scale=256.0)


def train():
    for epoch in range(5):
        model.train()
        total = 0.0
        for wave, there in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(wave), there)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            total += loss.item()
        model.eval()
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.float16):
            acc = sum((model(w).argmax(1) == y).sum().item() for w, y in val_loader) / 64
        print(epoch, total / len(train_loader), acc)
    return total / len(train_loader)


if __name__ == "__main__":
    train()
