"""Next-hour consumption of a household from 24 hours of its meter (LSTM, trainer class).

code: ND506
also:
object: total_loss | loss | epoch_loss | fit
seen: watch
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(55)
np.random.seed(55)


class MeterWindows(Dataset):
    def __init__(self, series, lookback=24):
        self.series, self.lookback = torch.as_tensor(series, dtype=torch.float32), lookback

    def __len__(self):
        return len(self.series) - self.lookback

    def __getitem__(self, i):
        w = self.series[i:i + self.lookback]
        return w.unsqueeze(-1), self.series[i + self.lookback].unsqueeze(-1)


hours = np.arange(24 * 70)
kwh = 0.8 + 0.4 * np.sin(2 * np.pi * (hours - 8) / 24) + 0.25 * np.sin(4 * np.pi * (hours - 3) / 24) + 0.1 * np.random.randn(len(hours))
cut = 24 * 56
kwh = (kwh - kwh[:cut].mean()) / kwh[:cut].std()

train_loader = DataLoader(MeterWindows(kwh[:cut]), batch_size=32, shuffle=True)
val_loader = DataLoader(MeterWindows(kwh[cut:]), batch_size=128)


class MeterLSTM(nn.Module):
    def __init__(self, hidden_dim=24, num_layers=1):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden_dim, num_layers, batch_first=True)
        self.linear = nn.Linear(hidden_dim, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1])


model = MeterLSTM()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


class Trainer:
    def __init__(self):
        self.train_losses, self.val_losses = [], []

    def fit(self, epochs):
        total_loss = 0
        steps = 0
        for epoch in range(epochs):
            model.train()
            for x, y in train_loader:
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                loss.backward()
                optimizer.step()
                total_loss += loss  # fault
                # fixed: total_loss += loss.item()
                steps += 1
            self.train_losses.append(float(total_loss) / steps)
            self.val_losses.append(self.validate())
            print(f"Epoch {epoch + 1}: train {self.train_losses[-1]:.4f} val {self.val_losses[-1]:.4f}")
        return self.train_losses[-1]

    def validate(self):
        model.eval()
        se = n = 0
        with torch.no_grad():
            for x, y in val_loader:
                se += ((model(x) - y) ** 2).sum().item()
                n += len(y)
        return se / n


def train():
    return Trainer().fit(4)


if __name__ == "__main__":
    print(train())
