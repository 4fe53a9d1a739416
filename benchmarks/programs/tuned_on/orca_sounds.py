"""Whale calls from log-spectrogram tiles; the front end scales its own input.

code: ND301
also: ND306
object: front | front.forward | Front | Loudness
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Front(nn.Module):
    """Per-clip loudness normalisation of decibel spectrograms."""

    def forward(self, db):
        low = db.amin()  # fault
        # fixed: low = db.amin(dim=(1, 2, 3), keepdim=True)
        high = db.amax()  # fault
        # fixed: high = db.amax(dim=(1, 2, 3), keepdim=True)
        return 2 * (db - low) / (high - low + 1e-6) - 1  # here


class CallNet(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.front = Front()  # here
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU())
        self.fc = nn.Linear(16 * 4 * 5, classes)

    def forward(self, db):
        return self.fc(self.conv(self.front(db)).flatten(1))


def clips(n, gen):
    y = torch.randint(0, 3, (n,), generator=gen)
    f, t = torch.arange(16.0)[:, None], torch.arange(20.0)[None, :]
    slope = torch.tensor([-0.4, 0.0, 0.4])[y][:, None, None]
    f0 = 8 + 2 * torch.randn(n, 1, 1, generator=gen)
    tone = torch.exp(-((f - f0 - slope * (t - 10)) ** 2) / 3)
    gain = torch.rand(n, 1, 1, generator=gen) * 3 + 0.5
    db = gain * (tone + 0.15 * torch.randn(n, 16, 20, generator=gen))
    return TensorDataset(db[:, None], y)


torch.manual_seed(1)
gen = torch.Generator().manual_seed(1)
train_loader = DataLoader(clips(400, gen), batch_size=40, shuffle=True)
val_loader = DataLoader(clips(100, gen), batch_size=50)
model = CallNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for _ in range(8):
        model.train()
        s = []
        for db, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(db), y)
            loss.backward()
            optimizer.step()
            s.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(db).argmax(1) == y).sum().item() for db, y in val_loader) / 100
    return sum(s) / len(s)


if __name__ == "__main__":
    print(train())
