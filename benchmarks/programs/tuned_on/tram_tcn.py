"""Tram passengers one step ahead at every position of the window: dilated temporal convolutions.

code: ND302
also:
object: pad | conv | net.0.conv | CausalConv | net
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class CausalConv(nn.Module):
    def __init__(self, cin, cout, k=3, dilation=1):
        super().__init__()
        self.pad = (k - 1) * dilation
        self.conv = nn.Conv1d(cin, cout, k, dilation=dilation)

    def forward(self, x):
        x = nn.functional.pad(x, (self.pad // 2, self.pad - self.pad // 2))  # fault
        # fixed: x = nn.functional.pad(x, (self.pad, 0))
        return self.conv(x)  # here


class TCN(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.net = nn.Sequential(CausalConv(1, ch, dilation=1), nn.ReLU(), CausalConv(ch, ch, dilation=2), nn.ReLU(),
                                 CausalConv(ch, ch, dilation=4), nn.ReLU(), nn.Conv1d(ch, 1, 1))

    def forward(self, x):
        return self.net(x)


def series(n, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    daily = np.sin(2 * np.pi * t / 18) + 0.5 * np.sin(2 * np.pi * t / 9 + 1)
    ar = np.zeros(n)
    for i in range(1, n):
        ar[i] = 0.5 * ar[i - 1] + 0.6 * rng.normal()
    return daily + ar


def cut(s, width=32, stride=8):
    s = torch.as_tensor(s, dtype=torch.float32)
    w = s.unfold(0, width + 1, stride).unsqueeze(1)
    return TensorDataset(w[..., :-1], w[..., 1:])


load = series(3000, 5)
load = (load - load[:2400].mean()) / load[:2400].std()
torch.manual_seed(5)
train_loader = DataLoader(cut(load[:2400]), batch_size=30, shuffle=True)
val_loader = DataLoader(cut(load[2400:]), batch_size=80)
model = TCN()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(14):
        model.train()
        mse = []
        for past, nxt in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), nxt)
            loss.backward()
            optimizer.step()
            mse.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(p), n).item() for p, n in val_loader])
    return float(np.mean(mse))


if __name__ == "__main__":
    print(train())
