"""One-step-ahead forecast of the electricity load of a village, dilated convolutions (TCN).

code: ND302
also:
object: padding | conv | TemporalBlock | blocks
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(42)
torch.manual_seed(42)
hours = np.arange(4000)
load = (np.sin(2 * np.pi * hours / 24) + 0.5 * np.sin(2 * np.pi * hours / 168)
        + 0.3 * np.sign(np.sin(2 * np.pi * hours / 12 + 1)))
ar = np.zeros_like(load)
for h in range(1, len(ar)):
    ar[h] = 0.6 * ar[h - 1] + rng.normal(0, 0.4)
load = load + ar
mean, std = load[:3200].mean(), load[:3200].std()
load = torch.tensor((load - mean) / std, dtype=torch.float32)
LENGTH = 64


class LoadWindows(torch.utils.data.Dataset):
    def __init__(self, series, stride):
        self.series, self.stride = series, stride

    def __len__(self):
        return (len(self.series) - LENGTH - 1) // self.stride

    def __getitem__(self, i):
        s = i * self.stride
        return self.series[s:s + LENGTH][None], self.series[s + 1:s + LENGTH + 1][None]


class TemporalBlock(nn.Module):
    def __init__(self, c_in, c_out, dilation, kernel=3):
        super().__init__()
        self.left = (kernel - 1) * dilation
        self.conv = nn.Conv1d(c_in, c_out, kernel, dilation=dilation)
        self.skip = nn.Conv1d(c_in, c_out, 1)

    def forward(self, x):
        padded = F.pad(x, (self.left // 2, self.left // 2))  # fault
        # fixed: padded = F.pad(x, (self.left, 0))
        return F.relu(self.conv(padded)) + self.skip(x)  # here


class TCN(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.blocks = nn.Sequential(TemporalBlock(1, width, 1), TemporalBlock(width, width, 2), TemporalBlock(width, width, 4))  # here
        self.readout = nn.Conv1d(width, 1, 1)

    def forward(self, x):
        return self.readout(self.blocks(x))


train_loader = torch.utils.data.DataLoader(LoadWindows(load[:3200], 8), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(LoadWindows(load[3200:], 64), batch_size=16)
model = TCN()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=3e-4)


def evaluate():
    model.eval()
    with torch.no_grad():
        return float(np.mean([loss_fn(model(x), y).item() for x, y in val_loader]))


def train():
    for epoch in range(10):
        model.train()
        running = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        scheduler.step()
        print(f"epoch {epoch:2d}  mse {np.mean(running):.4f}  val {evaluate():.4f}")
    return float(np.mean(running))


if __name__ == "__main__":
    print(train())
