"""Next half hour of blood glucose from four hours of sensor readings, with a hand-written recurrent cell.

code: ND503
also: ND202
object: cell | Cell | recur | reset_parameters
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class Sensor(Dataset):
    def __init__(self, n, seed, T=48, ahead=6):
        g = torch.Generator().manual_seed(seed)
        t = torch.arange(T + ahead) / 12.0
        phase, speed = 6.28 * torch.rand(n, 1, generator=g), 1 + .5 * torch.rand(n, 1, generator=g)
        mgdl = 120 + 40 * torch.sin(speed * t + phase) + 5 * torch.randn(n, T + ahead, generator=g)
        z = (mgdl - 120) / 30
        self.past, self.future = z[:, :T, None], z[:, T:]

    def __len__(self): return len(self.past)

    def __getitem__(self, i): return self.past[i], self.future[i]


class Cell(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.take = nn.Linear(inputs, hidden)
        self.recur = nn.Linear(hidden, hidden, bias=False)
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.normal_(self.recur.weight, std=1.7 / math.sqrt(self.recur.in_features))  # fault
        # fixed: nn.init.orthogonal_(self.recur.weight, gain=.98)

    def forward(self, x, h):
        return torch.relu(self.take(x) + self.recur(h))  # here


class Forecaster(nn.Module):
    def __init__(self, hidden=40, ahead=6):
        super().__init__()
        self.cell = Cell(1, hidden)  # here
        self.out = nn.Linear(hidden, ahead)
        self.hidden = hidden

    def forward(self, past):
        h = past.new_zeros(len(past), self.hidden)
        for x in past.unbind(1):
            h = self.cell(x, h)
        return self.out(h)


torch.manual_seed(23)
train_loader = DataLoader(Sensor(256, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Sensor(64, 2), batch_size=64)
model = Forecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        total = 0.
        for past, future in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), future)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(p), f).item() for p, f in val_loader]
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
