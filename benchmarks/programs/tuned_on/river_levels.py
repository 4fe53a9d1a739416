"""Water level six hours ahead from five gauges upstream (temporal convolution).

code: ND403
also:
object: loss_fn | head | level | target
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class GaugeWindows(Dataset):
    def __init__(self, table, start, stop, past=24, ahead=6):
        self.table, self.start, self.past, self.ahead = table, start, past, ahead
        self.n = stop - start - past - ahead

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        a = self.start + i
        window = self.table[a:a + self.past].T
        level = self.table[a + self.past + self.ahead - 1, -1]  # fault
        # fixed: level = self.table[a + self.past + self.ahead - 1, -1:]
        return window, level


def simulate(steps, g):
    rain = (torch.rand(steps, generator=g) < 0.08).float() * torch.rand(steps, generator=g) * 4
    cols = []
    level = torch.zeros(steps)
    inflow = rain
    for k in range(5):
        lv = torch.zeros(steps)
        for t in range(1, steps):
            lv[t] = 0.9 * lv[t - 1] + 0.3 * inflow[t - 1]
        cols.append(lv + 0.02 * torch.randn(steps, generator=g))
        inflow = lv
    return torch.stack(cols, 1)


table = simulate(1300, torch.Generator().manual_seed(8))
table = (table - table[:1000].mean(0)) / table[:1000].std(0)


class TCN(nn.Module):
    def __init__(self, c_in=5, c=16):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(c_in, c, 3, dilation=1), nn.ReLU(),
            nn.Conv1d(c, c, 3, dilation=2), nn.ReLU(),
            nn.Conv1d(c, c, 3, dilation=4), nn.ReLU(),
        )
        self.head = nn.Linear(c, 1)

    def forward(self, x):
        return self.head(self.body(x)[:, :, -1])  # here


torch.manual_seed(1)
train_loader = DataLoader(GaugeWindows(table, 0, 1000), batch_size=64, shuffle=True)
val_loader = DataLoader(GaugeWindows(table, 1000, 1300), batch_size=64)
model = TCN()
loss_fn = nn.SmoothL1Loss(beta=0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    import warnings
    warnings.filterwarnings("ignore")
    for epoch in range(8):
        model.train()
        got = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            got.append(loss.item())
        model.eval()
        with torch.no_grad():
            err = sum((model(x).flatten() - y.flatten()).abs().sum().item() for x, y in val_loader) / len(val_loader.dataset)
        print(f"{epoch} {sum(got) / len(got):.4f} val mae {err:.3f}")
    return sum(got) / len(got)


if __name__ == "__main__":
    print(train())
