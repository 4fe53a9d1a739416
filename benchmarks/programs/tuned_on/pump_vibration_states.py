"""Tell from a vibration window whether a pump runs smoothly, has a worn bearing or cavitates.

code: ND101
also: ND310
object: VibrationWindows | standardise | window | std | train_loader | windows
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

CONFIG = dict(length=64, per_class=240, batch=32, lr=4e-3, epochs=8, seed=21)
torch.manual_seed(CONFIG["seed"])


def record(kind, length):
    t = torch.arange(length) / length
    phase = torch.rand(1) * 2 * math.pi
    wave = torch.sin(2 * math.pi * 4 * t + phase)
    if kind == 1:
        wave = wave + 0.8 * torch.sin(2 * math.pi * 17 * t + 3 * phase)
    if kind == 2:
        wave = wave + 0.9 * torch.randn(length) * (torch.rand(length) < 0.4)
    return wave * (0.5 + torch.rand(1)) + 0.2 * torch.randn(length)


def standardise(window):
    return (window - window.mean()) / window.std()  # fault
    # fixed: return (window - window.mean()) / window.std().clamp(min=1e-3)


class VibrationWindows(Dataset):
    def __init__(self, windows, kinds):
        self.windows, self.kinds = windows, kinds

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        return standardise(self.windows[i]).unsqueeze(0), self.kinds[i]  # here


kinds = torch.arange(3).repeat(CONFIG["per_class"])
windows = torch.stack([record(int(k), CONFIG["length"]) for k in kinds])
stuck = torch.rand(len(windows)) < 0.02  # the accelerometer froze: the last value is repeated
windows[stuck] = windows[stuck][:, :1].expand(-1, CONFIG["length"])

cut = 576
train_loader = DataLoader(VibrationWindows(windows[:cut], kinds[:cut]), CONFIG["batch"], shuffle=True)  # here
val_loader = DataLoader(VibrationWindows(windows[cut:], kinds[cut:]), 144)  # here

model = nn.Sequential(
    nn.Conv1d(1, 12, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(12, 16, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(),
    nn.Linear(16, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=CONFIG["lr"])


def train():
    for epoch in range(CONFIG["epochs"]):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"accuracy {hits / (len(windows) - cut):.3f}")


if __name__ == "__main__":
    train()
