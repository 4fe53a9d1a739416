"""Forecast of the next hour's electricity load from the past day (LSTM).

code: ND403
also:
object: loss_fn | fc | criterion | y | targets | LoadForecaster
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

np.random.seed(365)
torch.manual_seed(365)

hours = np.arange(24 * 45)
load = (50 + 12 * np.sin(2 * np.pi * (hours - 7) / 24) + 5 * np.sin(4 * np.pi * hours / 24)
        + 6 * np.sin(2 * np.pi * hours / (24 * 7)) + np.random.normal(0, 1.2, len(hours)))
split = 24 * 35
train_raw, test_raw = load[:split], load[split:]
mean, std = train_raw.mean(), train_raw.std()


class WindowedLoad(Dataset):
    def __init__(self, series, seq_len=24):
        self.series = torch.tensor((series - mean) / std, dtype=torch.float32)
        self.seq_len = seq_len

    def __len__(self):
        return len(self.series) - self.seq_len

    def __getitem__(self, i):
        x = self.series[i:i + self.seq_len].unsqueeze(-1)
        y = self.series[i + self.seq_len]
        return x, y


class LoadForecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.fc(out[:, -1])  # fault
        # fixed: return self.fc(out[:, -1]).squeeze(-1)


train_loader = DataLoader(WindowedLoad(train_raw), batch_size=32, shuffle=True)
val_loader = DataLoader(WindowedLoad(test_raw), batch_size=32)
model = LoadForecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def validate():
    model.eval()
    sq, n = 0.0, 0
    with torch.no_grad():
        for x, y in val_loader:
            sq += ((model(x).flatten() - y) ** 2).sum().item()
            n += len(y)
    return (sq / n) ** 0.5 * std


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"Epoch {epoch}: train loss {np.mean(losses):.4f}, val RMSE {validate():.2f} MW")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
