"""Tomorrow's bread rolls from the last three weeks of sales (LSTM).

code: ND403
also:
object: loss_fn | criterion | linear | targets | model
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

np.random.seed(17)
torch.manual_seed(17)

days = np.arange(900)
weekday = np.array([0.9, 0.85, 0.9, 1.0, 1.15, 1.6, 0.4])[days % 7]
season = 1 + 0.12 * np.sin(2 * np.pi * days / 182)
sales = 420 * weekday * season * (1 + 0.05 * np.random.randn(900))

lookback = 21
split = 720
mu, sigma = sales[:split].mean(), sales[:split].std()
scaled = (sales - mu) / sigma


class SalesDataset(Dataset):
    def __init__(self, series):
        self.series = torch.tensor(series, dtype=torch.float32)

    def __len__(self):
        return len(self.series) - lookback

    def __getitem__(self, i):
        return self.series[i:i + lookback].unsqueeze(-1), self.series[i + lookback]  # here


train_loader = DataLoader(SalesDataset(scaled[:split]), batch_size=32, shuffle=True)
val_loader = DataLoader(SalesDataset(scaled[split:]), batch_size=64)


class LSTMForecaster(nn.Module):
    def __init__(self, hidden_size=32):
        super().__init__()
        self.lstm = nn.LSTM(input_size=1, hidden_size=hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1, :])  # fault
        # fixed: return self.linear(out[:, -1, :]).squeeze(-1)


model = LSTMForecaster()
criterion = loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train(epochs=8):
    train_losses = []
    for epoch in range(epochs):
        model.train()
        batch_losses = []
        for X_batch, y_batch in train_loader:
            y_pred = model(X_batch)
            loss = criterion(y_pred, y_batch)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        train_losses.append(np.mean(batch_losses))
        model.eval()
        with torch.no_grad():
            mae = np.mean([(model(x).flatten() - y).abs().mean().item() for x, y in val_loader]) * sigma
        print(f"Epoch {epoch}: train {train_losses[-1]:.4f}  val MAE {mae:.1f} rolls")
    return float(train_losses[-1])


if __name__ == "__main__":
    print(train())
