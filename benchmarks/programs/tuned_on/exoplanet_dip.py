"""Transit or no transit: a GRU over phase-folded light curves.

code: ND606
also: ND605
object: scheduler
seen: watch
"""
import math
import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset

BINS = 24


class LightCurves(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        phase = torch.linspace(-0.5, 0.5, BINS)
        self.label = (torch.rand(n, generator=g) < 0.5).float()
        depth = 1.2 + torch.rand(n, 1, generator=g) * 1.5
        width = 0.06 + torch.rand(n, 1, generator=g) * 0.06
        centre = (torch.rand(n, 1, generator=g) - 0.5) * 0.4
        dip = depth * torch.sigmoid((width - (phase - centre).abs()) * 150)
        spot = 0.6 * torch.sin(2 * math.pi * (phase + torch.rand(n, 1, generator=g)))
        self.flux = spot + torch.randn(n, BINS, generator=g) * 0.5 - self.label[:, None] * dip

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.flux[i, :, None], self.label[i]


class TransitGRU(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.fc(h.amax(1)).squeeze(1)


torch.manual_seed(90)
train_loader = DataLoader(LightCurves(288, 1), batch_size=24, shuffle=True)
val_loader = DataLoader(LightCurves(120, 2), batch_size=60)
model = TransitGRU()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=1e-2)
scheduler = StepLR(optimizer, step_size=4, gamma=0.3)  # here


def train(num_epochs=6):
    step = 0
    for epoch in range(num_epochs):
        model.train()
        loss_sum = 0.0
        for flux, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(flux), label)
            loss.backward()
            optimizer.step()
            step += 1
            scheduler.step()  # fault
            # fixed: if step % len(train_loader) == 0:
            # fixed:     scheduler.step()
            loss_sum += loss.item()
        model.eval()
        with torch.no_grad():
            right = sum(((model(f) > 0) == (l > 0.5)).sum().item() for f, l in val_loader)
        print(f"Epoch {epoch} lr {scheduler.get_last_lr()[0]:.2e} loss {loss_sum / len(train_loader):.4f} acc {right / 120:.3f}")
    return loss_sum / len(train_loader)


if __name__ == "__main__":
    print(train())
