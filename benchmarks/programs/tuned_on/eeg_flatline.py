"""Eyes open or closed from two-second EEG windows of several subjects.

code: ND308
also: ND310
object: model.norm | norm | WindowNorm | std
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FS, CH, T = 64, 4, 128


class Recording(Dataset):
    """Windows of simulated EEG."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        t = torch.arange(T) / FS
        self.y = torch.randint(2, (n,), generator=g)
        phase = torch.rand(n, CH, 1, generator=g) * 2 * math.pi
        alpha = torch.sin(2 * math.pi * 10 * t + phase)
        gain = torch.rand(n, 1, 1, generator=g) * 0.6 + 0.5
        self.x = torch.randn(n, CH, T, generator=g) + self.y[:, None, None] * gain * alpha
        off = torch.rand(n, CH, generator=g) < 0.01
        self.x[off] = 0.0

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class WindowNorm(nn.Module):
    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        std = x.std(dim=-1, keepdim=True)
        return (x - mean) / std  # fault
        # fixed: return (x - mean) / (std + 1e-5)


class EEGNetLite(nn.Module):
    def __init__(self, f1=8, depth=2):
        super().__init__()
        self.norm = WindowNorm()  # here
        self.temporal = nn.Conv2d(1, f1, (1, 33), padding=(0, 16), bias=False)
        self.bn1 = nn.BatchNorm2d(f1)
        self.spatial = nn.Conv2d(f1, f1 * depth, (CH, 1), groups=f1, bias=False)
        self.bn2 = nn.BatchNorm2d(f1 * depth)
        self.pool = nn.AvgPool2d((1, 16))
        self.drop = nn.Dropout(0.25)
        self.classify = nn.Linear(f1 * depth * (T // 16), 2)

    def forward(self, x):
        x = self.norm(x).unsqueeze(1)  # here
        x = self.bn1(self.temporal(x))
        x = self.bn2(self.spatial(x)) ** 2
        x = torch.log1p(self.pool(x))
        return self.classify(self.drop(x.flatten(1)))


torch.manual_seed(8)
train_loader = DataLoader(Recording(384, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Recording(128, 2), batch_size=64)
model = EEGNetLite()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        hist = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        model.eval()
        with torch.inference_mode():
            correct = sum(int((model(x).argmax(1) == y).sum()) for x, y in val_loader)
        print(f"epoch {epoch}: {sum(hist) / len(hist):.4f}, val {correct / 128:.3f}")
    return sum(hist) / len(hist)


if __name__ == "__main__":
    print(train())
