"""Tomorrow's sales of a shop from the last four weeks (store item demand challenge).

code: ND305
also:
object: model | head | fc | relu | SalesLSTM
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset

np.random.seed(10)
torch.manual_seed(10)
LOOK_BACK = 28


def make_series(days=900):
    t = np.arange(days)
    week = np.array([0.8, 0.85, 0.9, 1.0, 1.15, 1.4, 1.3])[t % 7]
    year = 1 + 0.25 * np.sin(2 * np.pi * t / 365)
    return np.random.poisson(48 * week * year).astype(np.float64)


sales = make_series()
cut = 720
scaler = StandardScaler().fit(sales[:cut, None])
scaled = scaler.transform(sales[:, None])[:, 0].astype(np.float32)


class Windows(Dataset):
    def __init__(self, series):
        self.series = torch.from_numpy(series)

    def __len__(self):
        return len(self.series) - LOOK_BACK

    def __getitem__(self, i):
        return self.series[i:i + LOOK_BACK, None], self.series[i + LOOK_BACK:i + LOOK_BACK + 1]


class SalesLSTM(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, num_layers=1, batch_first=True)
        self.fc = nn.Linear(hidden, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.relu(self.fc(out[:, -1]))  # fault
        # fixed: return self.fc(out[:, -1])


train_loader = DataLoader(Windows(scaled[:cut]), batch_size=32, shuffle=True)
val_loader = DataLoader(Windows(scaled[cut:]), batch_size=64, shuffle=False)
model = SalesLSTM()  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(9):
        model.train()
        train_losses = []
        for seq, nxt in train_loader:
            pred = model(seq)
            loss = loss_fn(pred, nxt)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_losses.append(loss.item())
        model.eval()
        preds, real = [], []
        with torch.no_grad():
            for seq, nxt in val_loader:
                preds.append(model(seq))
                real.append(nxt)
        p = scaler.inverse_transform(torch.cat(preds).numpy())
        r = scaler.inverse_transform(torch.cat(real).numpy())
        smape = 100 * np.mean(2 * np.abs(p - r) / (np.abs(p) + np.abs(r)))
        print(f"Epoch {epoch}: train {np.mean(train_losses):.4f}  SMAPE {smape:.2f}")
    return float(np.mean(train_losses))


if __name__ == "__main__":
    print(train())
