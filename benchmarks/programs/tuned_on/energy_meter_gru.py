"""Next-hour consumption from a day of meter readings.

code: ND506
also:
object: all_losses | loss
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)
hours = torch.arange(1500.0)
load = torch.sin(hours * 2 * torch.pi / 24) + 0.4 * torch.sin(hours * 2 * torch.pi / 168) + 0.15 * torch.randn(1500)
load = (load - load[:1100].mean()) / load[:1100].std()


def windows(series, width=24):
    w = series.unfold(0, width + 1, 2)
    return TensorDataset(w[:, :-1].unsqueeze(-1), w[:, -1:])


class Meter(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 16, batch_first=True)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        h, _ = self.gru(x)
        return self.out(h[:, -1])


model = Meter()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(windows(load[:1100]), batch_size=32, shuffle=True)
val_loader = DataLoader(windows(load[1100:]), batch_size=64)


def train():
    all_losses = []
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            all_losses.append(loss)  # fault
            # fixed: all_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader) / len(val_loader.dataset)
        print("epoch", epoch, "val", round(val, 4))
    return float(sum(all_losses[-17:]) / 17)  # here


if __name__ == "__main__":
    print(train())
