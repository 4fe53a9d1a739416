"""Quake, blast or train? 48 spectral amplitudes of a seismogram, in half precision to save memory.

code: ND709
also:
object: eps | optimizer | Adam | half
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(27)
BANDS = torch.arange(48).float()


class Spectra(Dataset):
    def __init__(self, n):
        self.kind = torch.randint(0, 3, (n,))
        peak = torch.tensor([8.0, 22.0, 34.0])[self.kind] + 3 * torch.randn(n)
        shape = 2 * torch.exp(-0.5 * ((BANDS - peak[:, None]) / 4) ** 2)
        self.spectrum = ((shape + 0.7 * torch.randn(n, 48)) - 0.4) / 0.9

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.spectrum[i].half(), self.kind[i]


train_loader = DataLoader(Spectra(640), batch_size=32, shuffle=True)
val_loader = DataLoader(Spectra(160), batch_size=80)
model = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 3)).half()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, eps=1e-4)


def batch_loss(setup, batch):
    spectrum, kind = batch
    return loss_fn(setup.model(spectrum).float(), kind)


def train():
    for epoch in range(8):
        model.train()
        for spectrum, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(spectrum).float(), kind)
            loss.backward()
            optimizer.step()  # here
        model.eval()
        with torch.no_grad():
            right = sum((model(s).argmax(1) == k).sum().item() for s, k in val_loader)
    print("right", right, "of 160")


if __name__ == "__main__":
    train()
