"""Next wave height at a buoy from the last sixteen, with a GRU.

code: ND605
also:
object: optimizer | lr | Adadelta
seen: both
"""
import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(21)
torch.manual_seed(21)
t = np.arange(900)
height = np.sin(t / 3.1) + 0.6 * np.sin(t / 7.3 + 1) + 0.05 * rng.normal(size=t.size)
height = torch.tensor(height, dtype=torch.float32)
LOOK = 16
windows = height.unfold(0, LOOK + 1, 1)
past, nxt = windows[:, :LOOK, None], windows[:, LOOK:]
split = 700


class Waves(torch.utils.data.Dataset):
    def __init__(self, start, stop):
        self.a, self.b = past[start:stop], nxt[start:stop]

    def __len__(self):
        return len(self.a)

    def __getitem__(self, i):
        return self.a[i], self.b[i]


class BuoyGRU(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        states, _ = self.gru(x)
        return self.out(states[:, -1])


train_loader = torch.utils.data.DataLoader(Waves(0, split), batch_size=25, shuffle=True)
val_loader = torch.utils.data.DataLoader(Waves(split + LOOK, len(past)), batch_size=64)
model = BuoyGRU()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adadelta(model.parameters(), lr=1e-3)  # fault
# fixed: optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)


def train():
    for epoch in range(14):
        model.train()
        total = 0.0
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()  # here
            total += loss.item() * len(a)
    model.eval()
    with torch.no_grad():
        err = torch.cat([(model(a) - b) ** 2 for a, b in val_loader]).mean()
    print(f"train {total / split:.4f} val {err:.4f}")


if __name__ == "__main__":
    train()
