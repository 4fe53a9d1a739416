"""P-phase picking: for every sample of a trace, the chance that the P wave arrives there.

code: ND603
also:
object: optimizer | zero_grad
seen: watch
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

LENGTH = 96


def traces(count, seed):
    rs = np.random.RandomState(seed)
    onset = rs.randint(20, 80, count)
    n = np.arange(LENGTH)
    noise = rs.randn(count, LENGTH) * 0.3
    env = np.where(n[None] >= onset[:, None], np.exp(-(n[None] - onset[:, None]) / 15.0), 0.0)
    freq = rs.uniform(0.15, 0.3, (count, 1))
    wave = env * np.sin(2 * np.pi * freq * (n[None] - onset[:, None]) + 0.5) * rs.uniform(1, 3, (count, 1))
    x = noise + wave
    x = x / x.std(1, keepdims=True)
    y = np.exp(-0.5 * ((n[None] - onset[:, None]) / 2.0) ** 2)
    y = y / y.sum(1, keepdims=True)
    return TensorDataset(torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(y, dtype=torch.float32))


class PhaseNetSmall(nn.Module):
    def __init__(self, ch=8, k=9):
        super().__init__()
        p = k // 2
        self.enc1 = nn.Sequential(nn.Conv1d(1, ch, k, padding=p), nn.ReLU())
        self.enc2 = nn.Sequential(nn.Conv1d(ch, 2 * ch, k, stride=2, padding=p), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv1d(2 * ch, 2 * ch, k, padding=p), nn.ReLU())
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.dec = nn.Sequential(nn.Conv1d(3 * ch, ch, k, padding=p), nn.ReLU(), nn.Conv1d(ch, 1, 1))

    def forward(self, x):
        e1 = self.enc1(x)
        m = self.mid(self.enc2(e1))
        return self.dec(torch.cat([e1, self.up(m)], dim=1)).squeeze(1)


torch.manual_seed(6)
train_loader = DataLoader(traces(320, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(traces(96, 1), batch_size=48)
model = PhaseNetSmall()
loss_fn = nn.CrossEntropyLoss()     # soft targets over time
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)  # here


def fit_epoch():
    model.train()
    total = 0.0
    for waveform, target in train_loader:
        output = model(waveform)
        loss = loss_fn(output, target)
        loss.backward()  # fault
        # fixed: optimizer.zero_grad()
        # fixed: loss.backward()
        optimizer.step()  # here
        total += loss.item()
    return total / len(train_loader)


def pick_error():
    model.eval()
    errors = []
    with torch.no_grad():
        for waveform, target in val_loader:
            errors.append((model(waveform).argmax(1) - target.argmax(1)).abs().float())
    return torch.cat(errors).median().item()


def train(epochs=4):
    for epoch in range(epochs):
        loss = fit_epoch()
        print(f"epoch {epoch:02d} | loss {loss:.4f} | median pick error {pick_error():.1f} samples")
    return loss


if __name__ == "__main__":
    print(train())
