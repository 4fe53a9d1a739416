"""EEG segments: the share of expert votes for each pattern (KL divergence).

code: ND310
also: ND308, ND504
object: kl_loss | loss_fn | log | targets | q
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1234)
np.random.seed(1234)
PATTERNS = ["SZ", "LPD", "GPD", "LRDA", "GRDA", "Other"]


def segment(k):
    t = np.linspace(0, 1, 64)
    f = [14, 3, 5, 7, 9, 0][k]
    left = np.sin(2 * np.pi * (f * t + np.random.rand()))
    right = left * (0.25 if k in (1, 3) else 0.9)
    if k in (1, 2):
        left, right = np.sign(left) * left ** 2, np.sign(right) * right ** 2
    return np.stack([left, right]) + 0.5 * np.random.randn(2, 64)


class EEGDataset(Dataset):
    def __init__(self, n):
        self.x, self.votes = [], []
        for _ in range(n):
            k = np.random.randint(6)
            p = np.full(6, 0.04)
            p[k] += 0.76
            self.x.append(segment(k))
            self.votes.append(np.random.multinomial(np.random.randint(3, 16), p))
        self.x = np.stack(self.x).astype(np.float32)
        self.x = (self.x - self.x.mean(2, keepdims=True)) / self.x.std(2, keepdims=True)
        self.votes = np.stack(self.votes).astype(np.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        v = self.votes[i]
        return torch.from_numpy(self.x[i]), torch.from_numpy(v / v.sum())


class EEGNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(2, 24, 7, padding=3), nn.BatchNorm1d(24), nn.ReLU(),
            nn.Conv1d(24, 32, 7, stride=2, padding=3), nn.BatchNorm1d(32), nn.ReLU(),
            nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Dropout(0.2))
        self.head = nn.Linear(128, 6)

    def forward(self, x):
        return self.head(self.body(x))


def kl_loss(logits, p):
    log_q = torch.log_softmax(logits, dim=1)
    kl = p * (torch.log(p) - log_q)  # fault
    # fixed: kl = torch.xlogy(p, p) - p * log_q
    return kl.sum(1).mean()


train_loader = DataLoader(EEGDataset(480), batch_size=32, shuffle=True)
val_loader = DataLoader(EEGDataset(120), batch_size=60)
model = EEGNet()
loss_fn = kl_loss  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)


def train():
    for epoch in range(8):
        model.train()
        tr = []
        for eeg, p in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(eeg), p)  # here
            loss.backward()
            optimizer.step()
            tr.append(loss.item())
        model.eval()
        with torch.no_grad():
            va = [loss_fn(model(eeg), p).item() for eeg, p in val_loader]
        print(f"epoch {epoch} | KL train {np.mean(tr):.4f} | KL valid {np.mean(va):.4f}")
    return float(np.mean(tr))


if __name__ == "__main__":
    print(train())
