"""Hourly bike hires at one dock: a small decoder-only transformer that predicts the next hour at every hour.

code: ND302
also:
object: encoder | Decoder | causal | mask
seen: checkup
"""
import math

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

T = 24


def dock(hours=4000, seed=3):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    commute = np.exp(-((t % 24 - 8) ** 2) / 4) + np.exp(-((t % 24 - 17) ** 2) / 6)
    weekend = (t // 24 % 7 >= 5)
    noise = np.zeros(hours)
    for i in range(1, hours):
        noise[i] = 0.6 * noise[i - 1] + 0.2 * rng.standard_normal()
    series = np.where(weekend, 0.4, 1.0) * commute * 2 + noise
    return series.astype(np.float32)


class NextHour(Dataset):
    def __init__(self, series, stride):
        self.series = torch.from_numpy(series)
        self.starts = list(range(0, len(series) - T - 1, stride))

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, i):
        piece = self.series[self.starts[i]: self.starts[i] + T + 1, None]
        return piece[:-1], piece[1:]


class Decoder(nn.Module):
    def __init__(self, d=32, heads=4, layers=1):
        super().__init__()
        self.inp = nn.Linear(1, d)
        position = torch.arange(T)[:, None] * torch.exp(torch.arange(0, d, 2) * (-math.log(100.0) / d))
        pe = torch.zeros(T, d)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(position), torch.cos(position)
        self.register_buffer("pe", pe)
        self.register_buffer("causal", nn.Transformer.generate_square_subsequent_mask(T))
        layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)  # here
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        h = self.inp(x) + self.pe[: x.shape[1]]
        h = self.encoder(h)  # fault
        # fixed: h = self.encoder(h, mask=self.causal[: x.shape[1], : x.shape[1]], is_causal=True)
        return self.out(h)


torch.manual_seed(3)
series = dock()
series = (series - series[:3200].mean()) / series[:3200].std()
train_loader = DataLoader(NextHour(series[:3200], stride=7), batch_size=32, shuffle=True)
val_loader = DataLoader(NextHour(series[3200:], stride=11), batch_size=64)
model = Decoder()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train():
    for epoch in range(7):
        model.train()
        losses = []
        for past, following in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), following)  # here
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(a), b).item() for a, b in val_loader])
        print(f"epoch {epoch}: {np.mean(losses):.4f} / {val:.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
