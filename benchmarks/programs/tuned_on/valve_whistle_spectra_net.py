"""Which of five valves whistles? Conv backbone plus head on short spectra.

code: ND605
also:
object: optimizer | lr | backbone | BACKBONE_FACTOR | groups
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

gen = torch.Generator().manual_seed(8)
torch.manual_seed(8)
CLASSES, BINS = 5, 64


def spectra(n):
    label = torch.randint(0, CLASSES, (n,), generator=gen)
    base = 6 + 5 * torch.rand(n, generator=gen)            # fundamental wanders
    f = torch.arange(BINS).float()
    s = 0.3 * torch.randn(n, BINS, generator=gen)
    spacing = 4 + 3 * label                                 # the spacing tells the valve
    for k in range(3):
        centre = base + k * spacing
        s += torch.exp(-0.5 * ((f - centre[:, None]) / 1.2) ** 2)
    return TensorDataset(((s - 0.3) / 0.45).unsqueeze(1), label)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 24, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(24, 24, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
            nn.Flatten(), nn.Linear(24 * 16, 6), nn.Tanh())

    def forward(self, x):
        return self.body(x)


train_loader = DataLoader(spectra(1000), batch_size=40, shuffle=True)
val_loader = DataLoader(spectra(300), batch_size=100)
backbone = Backbone()
head = nn.Linear(6, CLASSES)
model = nn.Sequential(backbone, head)
loss_fn = nn.CrossEntropyLoss()

LR = 3e-3
BACKBONE_FACTOR = 1e-4  # fault
# fixed: BACKBONE_FACTOR = 1.0
groups = [
    {"params": backbone.parameters(), "lr": LR * BACKBONE_FACTOR},  # here
    {"params": head.parameters(), "lr": LR},
]
optimizer = torch.optim.Adam(groups)


def accuracy():
    model.eval()
    with torch.no_grad():
        return torch.cat([model(a).argmax(1) == b for a, b in val_loader]).float().mean().item()


def train():
    for epoch in range(10):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
    print(f"loss {loss.item():.3f} val acc {accuracy():.3f}")


if __name__ == "__main__":
    train()
