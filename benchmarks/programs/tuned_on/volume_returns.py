"""Next-day volatility from returns, spread and traded volume, dict batches, LSTM.

code: ND102
also:
object: volume | features | make_features | train_loader | column 2
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader

gen = torch.Generator().manual_seed(21)
DAYS, LOOKBACK = 1300, 20


def simulate():
    vol = torch.empty(DAYS)
    vol[0] = 0.0
    shock = torch.randn(DAYS, generator=gen)
    for t in range(1, DAYS):
        vol[t] = 0.9 * vol[t - 1] + 0.35 * shock[t]
    sigma = torch.exp(0.5 * vol)
    ret = sigma * torch.randn(DAYS, generator=gen)
    spread = 0.6 * sigma + 0.1 * torch.randn(DAYS, generator=gen).abs()
    volume = 250_000 * torch.exp(0.6 * vol + 0.2 * torch.randn(DAYS, generator=gen))
    return ret, spread, volume, vol


def robust(x, upto):
    med = x[:upto].median()
    iqr = x[:upto].quantile(0.75) - x[:upto].quantile(0.25)
    return (x - med) / (iqr / 1.35)


ret, spread, volume, vol = simulate()
SPLIT = 1000


def make_features():
    cols = [robust(ret, SPLIT), robust(spread, SPLIT)]
    cols.append(volume)  # fault
    # fixed: cols.append(robust(volume.log(), SPLIT))
    return torch.stack(cols, -1)


features = make_features()  # here
target = robust(vol, SPLIT)


class Lookback(torch.utils.data.Dataset):
    def __init__(self, start, stop):
        self.ends = list(range(start + LOOKBACK, stop))

    def __len__(self):
        return len(self.ends)

    def __getitem__(self, k):
        t = self.ends[k]
        return {"seq": features[t - LOOKBACK:t], "y": target[t]}


train_loader = DataLoader(Lookback(0, SPLIT), batch_size=49, shuffle=True, generator=gen)  # here
val_loader = DataLoader(Lookback(SPLIT, DAYS), batch_size=140)
torch.manual_seed(2)


class VolNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 20, batch_first=True)
        self.head = nn.Linear(20, 1)

    def forward(self, batch):
        _, (h, _) = self.lstm(batch["seq"])
        return self.head(h[-1]).squeeze(-1)


model = VolNet()
loss_fn = None
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    return nn.functional.mse_loss(setup.model(batch), batch["y"])


class _Setup:
    pass


def train():
    setup = _Setup()
    setup.model = model
    history = []
    for epoch in range(6):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            for batch in val_loader:
                batch_loss(setup, batch)
    return sum(history[-20:]) / 20


if __name__ == "__main__":
    print(train())
