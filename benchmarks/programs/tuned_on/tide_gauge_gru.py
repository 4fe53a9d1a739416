"""Next tide from 24 past hours; three tidal constituents, a GRU and a linear head.

code: ND704
also: ND705
object: gru | TideNet | hidden | model
seen: watch
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(27)


class Tides(Dataset):
    def __init__(self, hours, offset):
        t = torch.arange(offset, offset + hours).float()
        tide = torch.sin(2 * math.pi * t / 12.42) + 0.6 * torch.sin(2 * math.pi * t / 5.1 + 1) + 0.5 * torch.sin(2 * math.pi * t / 3.3 + 2)
        self.tide = tide / 0.9

    def __len__(self):
        return len(self.tide) - 24

    def __getitem__(self, i):
        return self.tide[i:i + 24].unsqueeze(1), self.tide[i + 24].unsqueeze(0)


class TideNet(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


train_loader = DataLoader(Tides(744, 0), batch_size=24, shuffle=True)
val_loader = DataLoader(Tides(240, 5000), batch_size=72)
model = TideNet(hidden=1)  # fault
# fixed: model = TideNet(hidden=24)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(11):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader) / 216
        print(f"{epoch:2d} {sum(losses) / len(losses):.4f} {val:.4f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
