"""Next hour's electricity load of a small town from the last 24 hours (LSTM).

code: ND603
also:
object: optimizer | zero_grad | optimizer.zero_grad | loop
seen: watch
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)

hours = np.arange(24 * 60)
load = (300 + 80 * np.sin(2 * np.pi * (hours - 7) / 24) + 25 * np.sin(4 * np.pi * hours / 24)
        + 20 * (hours // 24 % 7 < 5) + np.random.normal(0, 8, len(hours)))

split = 24 * 48
mean, std = load[:split].mean(), load[:split].std()
series = (load - mean) / std


def create_sequences(data, seq_length=24):
    xs, ys = [], []
    for i in range(len(data) - seq_length):
        xs.append(data[i:i + seq_length])
        ys.append(data[i + seq_length])
    return torch.tensor(np.array(xs), dtype=torch.float32).unsqueeze(-1), torch.tensor(ys, dtype=torch.float32).unsqueeze(-1)


X_train, y_train = create_sequences(series[:split])
X_test, y_test = create_sequences(series[split:])
train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X_test, y_test), batch_size=128)


class LoadLSTM(nn.Module):
    def __init__(self, hidden_size=24):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1])


model = LoadLSTM()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)  # here


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        losses = []
        for X_batch, y_batch in train_loader:
            y_pred = model(X_batch)
            loss = loss_fn(y_pred, y_batch)
            loss.backward()  # fault
            # fixed: optimizer.zero_grad()
            # fixed: loss.backward()
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            rmse = np.sqrt(np.mean([loss_fn(model(a), b).item() for a, b in val_loader])) * std
        print("Epoch %d: train MSE %.4f, test RMSE %.1f kW" % (epoch, np.mean(losses), rmse))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
