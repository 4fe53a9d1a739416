"""Rare seizures in short EEG-like windows; a sampler shows both classes equally often in training only.

code: none
trait: 4 % positives in the data and in validation, balanced batches in training by inverse-frequency sampling with replacement
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler


def windows(n, seed):
    g = torch.Generator().manual_seed(seed)
    seizure = torch.rand(n, generator=g) < 0.04
    t = torch.arange(40) / 40
    base = torch.randn(n, 40, 2, generator=g) * 0.7
    spike = torch.sin(2 * torch.pi * (5 * t[None] + torch.rand(n, 1, generator=g)))[..., None] * torch.tensor([1.0, -0.8])
    return base + seizure[:, None, None] * spike, seizure.long()


class SeizureLSTM(nn.Module):
    def __init__(self, h=16):
        super().__init__()
        self.front = nn.Conv1d(2, h, 5, padding=2)
        self.lstm = nn.LSTM(h, h, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * h, 2)

    def forward(self, x):
        z = torch.relu(self.front(x.transpose(1, 2))).transpose(1, 2)
        return self.head(self.lstm(z)[0].amax(1))


torch.manual_seed(3)
x, y = windows(1500, 0)
freq = torch.bincount(y, minlength=2).double()
sampler = WeightedRandomSampler(1.0 / freq[y], num_samples=600, replacement=True)
train_loader = DataLoader(TensorDataset(x, y), batch_size=50, sampler=sampler)
val_loader = DataLoader(TensorDataset(*windows(600, 1)), batch_size=200)
model = SeizureLSTM()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def balanced_accuracy():
    model.eval()
    hit, n = torch.zeros(2), torch.zeros(2)
    with torch.no_grad():
        for a, b in val_loader:
            p = model(a).argmax(1)
            for c in (0, 1):
                hit[c] += ((p == c) & (b == c)).sum()
                n[c] += (b == c).sum()
    model.train()
    return (hit / n).mean().item()


def train():
    model.train()
    for epoch in range(6):
        total = 0.0
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() / len(train_loader)
        print(f"epoch {epoch}: {total:.3f}, balanced accuracy {balanced_accuracy():.3f}")
    return total


if __name__ == "__main__":
    print(train())
