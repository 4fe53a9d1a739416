"""Remaining-wear regression from vibration windows of a gearbox (LSTM over time, several machines a batch).

code: ND301
also:
object: view | seq | LSTM | rnn
seen: checkup
"""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(11)


class Windows(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.wear = torch.rand(n, generator=g)
        t = torch.linspace(0, 1, 24)
        phase = torch.rand(n, 1, generator=g) * 2 * math.pi
        a = torch.sin(2 * math.pi * 3 * t + phase) * (0.4 + 1.2 * self.wear[:, None])
        b = torch.sin(2 * math.pi * 6 * t + phase) * (1.4 - self.wear[:, None])
        s = torch.stack([a, b, a * b], -1) + 0.15 * torch.randn(n, 24, 3, generator=g)
        self.signal = s / torch.tensor([0.75, 0.70, 0.48])

    def __len__(self):
        return len(self.wear)

    def __getitem__(self, i):
        return {"signal": self.signal[i], "wear": (self.wear[i] - 0.5) / 0.29}


class GearboxNet(nn.Module):
    def __init__(self, features=3, hidden=32):
        super().__init__()
        self.rnn = nn.LSTM(features, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, signal):
        b, t, f = signal.shape
        seq = signal.reshape(t, b, f)  # fault
        # fixed: seq = signal.transpose(0, 1)
        states, _ = self.rnn(seq)  # here
        return self.out(states[-1]).squeeze(-1)


train_loader = DataLoader(Windows(512, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Windows(128, 1), batch_size=32)
model = GearboxNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    return F.mse_loss(setup.model(batch["signal"]), batch["wear"])


def train():
    class Setup: pass
    setup = Setup()
    setup.model = model
    history = []
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
        print(epoch, round(sum(history[-16:]) / 16, 4), round(val, 4))
    return sum(history[-16:]) / 16


if __name__ == "__main__":
    print(train())
