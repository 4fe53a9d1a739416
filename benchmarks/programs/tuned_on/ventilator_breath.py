"""Pressure in a ventilator over one breath, from the valve opening and lung attributes.

code: ND304
also:
object: attn | SelfAttention | softmax | attn.q | scores
seen: checkup
"""
import math

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)
STEPS = 32


def breaths(n):
    R = np.random.choice([5, 20, 50], (n, 1))
    C = np.random.choice([10, 20, 50], (n, 1))
    u = np.clip(np.cumsum(np.random.rand(n, STEPS) * np.random.choice([1, 4, 7], (n, 1)), 1), 0, 100)
    u_out = (np.arange(STEPS)[None] > np.random.randint(16, 26, (n, 1))).astype(float)
    u = u * (1 - u_out)
    p = np.zeros((n, STEPS))
    prev = np.full(n, 5.0)
    for t in range(STEPS):
        drive = u[:, t] * (0.2 + 0.003 * R[:, 0]) + 4
        prev = prev + (drive - prev) * (4.0 / (4.0 + C[:, 0] ** 0.5)) * np.where(u_out[:, t] > 0, 1.3, 1.0)
        p[:, t] = prev
    p += 0.15 * np.random.randn(n, STEPS)
    feats = np.stack([np.repeat(R, STEPS, 1), np.repeat(C, STEPS, 1), u, u_out, np.cumsum(u, 1)], -1)
    return feats, p


def scale(a, mu, sd):
    return torch.tensor((a - mu) / sd, dtype=torch.float32)


x_tr, p_tr = breaths(480)
x_va, p_va = breaths(120)
mx, sx = x_tr.mean((0, 1)), x_tr.std((0, 1))
mp, sp = p_tr.mean(), p_tr.std()
train_loader = DataLoader(TensorDataset(scale(x_tr, mx, sx), scale(p_tr, mp, sp)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(scale(x_va, mx, sx), scale(p_va, mp, sp)), batch_size=60)


class SelfAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.softmax = nn.Softmax(dim=1)  # fault
        # fixed: self.softmax = nn.Softmax(dim=-1)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / math.sqrt(x.size(-1))
        return self.softmax(scores) @ self.v(x)  # here


class BreathNet(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(5, hidden, batch_first=True, bidirectional=True)
        self.attn = SelfAttention(2 * hidden)
        self.norm = nn.LayerNorm(2 * hidden)
        self.head = nn.Sequential(nn.Linear(2 * hidden, 32), nn.SELU(), nn.Linear(32, 1))

    def forward(self, x):
        h, _ = self.lstm(x)
        h = self.norm(h + self.attn(h))
        return self.head(h).squeeze(-1)


model = BreathNet()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        running = 0.0
        for u, p in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(u), p)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            running += loss.item()
        model.eval()
        with torch.no_grad():
            mae = np.mean([loss_fn(model(u), p).item() for u, p in val_loader])
        print(f"epoch {epoch + 1} train {running / len(train_loader):.4f} valid {mae * sp:.4f} cmH2O")
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
