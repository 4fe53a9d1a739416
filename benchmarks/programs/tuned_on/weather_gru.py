"""Tomorrow's temperature from two weeks of weather; windows are drawn at random once and then read in that order.

code: none
trait: shuffle=False in the training loader (the windows lie in random order already), targets stored as int16 tenths of a degree, validation is the last year after a gap
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

DAYS, W = 1500, 14
rng = np.random.default_rng(20)
day = np.arange(DAYS)
anomaly = np.zeros(DAYS)
for i in range(1, DAYS):
    anomaly[i] = 0.8 * anomaly[i - 1] + rng.normal(0, 1.5)
tenths = np.round(10 * (9 + 9 * np.sin(2 * np.pi * day / 365) + anomaly)).astype(np.int16)
pressure = -0.6 * np.roll(anomaly, -1) + rng.normal(0, 0.5, DAYS)
pressure[-1] = 0.0
celsius = tenths / 10.0
fit_on = slice(0, 1100)
table = np.stack([(celsius - celsius[fit_on].mean()) / celsius[fit_on].std(),
                  (pressure - pressure[fit_on].mean()) / pressure[fit_on].std()], 1).astype(np.float32)


class Windows(Dataset):
    def __init__(self, starts):
        self.starts = starts

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, k):
        s = self.starts[k]
        return table[s:s + W], table[s + W, 0] - table[s + W - 1, 0]


train_set = Windows(rng.permutation(1100 - W))
val_set = Windows(np.arange(1100 + W, DAYS - W - 1))
train_loader = DataLoader(train_set, batch_size=48, shuffle=False)
val_loader = DataLoader(val_set, batch_size=128)


class ChangeGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 20, batch_first=True)
        self.out = nn.Linear(20, 1)

    def forward(self, w):
        return self.out(self.gru(w)[0][:, -1]).squeeze(1)


torch.manual_seed(20)
model = ChangeGRU()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for w, change in train_loader:
            loss = loss_fn(model(w), change)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            e = torch.cat([model(w) - c for w, c in val_loader])
        print(f"epoch {epoch}: {np.mean(losses):.4f}  val rmse {e.square().mean().sqrt().item():.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
