"""Next-hour electricity use of a flat from the last day of meter readings.

code: ND506
also:
object: total_loss | train_loss | loss
seen: watch
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(24)
np.random.seed(24)

HOURS = 24 * 180
hour = np.arange(HOURS)
kwh = 0.45 + 0.2 * np.sin(2 * np.pi * (hour - 7) / 24) + 0.12 * np.sin(4 * np.pi * hour / 24) + 0.1 * ((hour // 24) % 7 >= 5)
kwh = np.clip(kwh + 0.05 * np.random.randn(HOURS), 0.02, None).astype("float32")


def sliding(series, window=24):
    x = np.lib.stride_tricks.sliding_window_view(series[:-1], window).copy()
    return torch.from_numpy(x).unsqueeze(-1), torch.from_numpy(series[window:]).unsqueeze(-1)


split = 24 * 145
mean, std = kwh[:split].mean(), kwh[:split].std()
z = (kwh - mean) / std
train_loader = DataLoader(TensorDataset(*sliding(z[:split])), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*sliding(z[split:])), batch_size=256)


class MeterGRU(nn.Module):
    def __init__(self, hidden_size=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.fc(h[-1])


model = MeterGRU()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def evaluate():
    model.eval()
    sse = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            sse += ((model(x) - y) ** 2).sum().item()
    return (sse / len(val_loader.dataset)) ** 0.5


def train(epochs=2):
    for epoch in range(epochs):
        model.train()
        total_loss = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            output = model(x)
            loss = loss_fn(output, y)
            loss.backward()
            optimizer.step()
            total_loss += loss  # fault
            # fixed: total_loss += loss.item()
        total_loss = total_loss / len(train_loader)  # here
        print("epoch %d | train loss %.4f | val rmse %.4f" % (epoch + 1, total_loss, evaluate()))
    return float(total_loss)


if __name__ == "__main__":
    print(train())
