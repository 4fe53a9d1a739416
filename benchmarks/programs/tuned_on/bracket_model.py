"""Depth of open brackets after each symbol, plain recurrence in a wrapper, RMSprop.

code: ND706
also: ND604, ND503
object: optimizer | lr | rnn | loss | momentum
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def strings(n, seed, T=24):
    g = torch.Generator().manual_seed(seed)
    out, depth = torch.zeros(n, T, dtype=torch.long), torch.zeros(n, T)
    d = torch.zeros(n)
    for t in range(T):
        up = (torch.rand(n, generator=g) < .5) | (d == 0)
        up = up & (d < 5)
        d = torch.where(up, d + 1, d - 1)
        out[:, t], depth[:, t] = up.long(), d
    return TensorDataset(out, depth / 2 - 1)


class Depth(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.embed = nn.Embedding(2, 8)
        self.rnn = nn.RNN(8, h, batch_first=True)
        self.out = nn.Linear(h, 1)

    def forward(self, s):
        return self.out(self.rnn(self.embed(s))[0]).squeeze(-1)


torch.manual_seed(65)
train_loader = DataLoader(strings(480, 1), batch_size=24, shuffle=True)
val_loader = DataLoader(strings(120, 2), batch_size=60)
model = Depth()
loss_fn = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-2, alpha=.5)  # fault
# fixed: optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
curve = []


def train():
    for epoch in range(12):
        for s, d in train_loader:
            loss = loss_fn(model(s), d)
            optimizer.zero_grad()
            loss.backward()  # fault
            # fixed: loss.backward()
            # fixed: nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
            curve.append(loss.item())
        with torch.no_grad():
            val = sum(loss_fn(model(s), d).item() for s, d in val_loader)
    return sum(curve[-20:]) / 20


if __name__ == "__main__":
    print(train(), [round(c, 2) for c in curve[::15]])
