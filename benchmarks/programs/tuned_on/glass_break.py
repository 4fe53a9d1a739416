"""Alarm for breaking glass against claps, barks and silence, on log-band energies.

code: ND110
also: ND106
object: val_set | augment | Bands | val_loader | mask_bands
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BANDS, FRAMES = 16, 20


def bank(n, seed):
    r = np.random.default_rng(seed)
    kind = r.integers(0, 4, n)
    f, t = np.mgrid[:BANDS, :FRAMES]
    out = r.normal(0, .7, (n, BANDS, FRAMES))
    for i, k in enumerate(kind):
        at = r.integers(2, 8)
        after = (t >= at)
        if k == 0:
            out[i] += 2.2 * after * np.exp(-(t - at) / 8) * (f > 9)
        elif k == 1:
            out[i] += 2.2 * ((t == at) | (t == at + 1))
        elif k == 2:
            out[i] += 2.0 * after * np.exp(-(t - at) / 5) * (abs(f - 5) < 2)
    return out.astype(np.float32), kind


def mask_bands(spec):
    spec = spec.clone()
    f0 = torch.randint(0, BANDS - 5, ()).item()
    t0 = torch.randint(0, FRAMES - 6, ()).item()
    spec[f0:f0 + 5] = 0
    spec[:, t0:t0 + 6] = 0
    return spec + 0.5 * torch.randn_like(spec)


class Bands(Dataset):
    def __init__(self, data, augment=True):
        self.spec, self.kind = torch.from_numpy(data[0]), torch.from_numpy(data[1])
        self.augment = augment

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        spec = self.spec[i]
        if self.augment:
            spec = mask_bands(spec)  # here
        return spec, self.kind[i]


class Alarm(nn.Module):
    """Bands are read as features of a sequence of frames."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(BANDS, 24, batch_first=True, bidirectional=True)
        self.vote = nn.Linear(48, 4)

    def forward(self, spec):
        h, _ = self.rnn(spec.transpose(1, 2))
        return self.vote(h.amax(1))


torch.manual_seed(12)
train_set = Bands(bank(500, 0))
val_set = Bands(bank(150, 1))  # fault
# fixed: val_set = Bands(bank(150, 1), augment=False)
train_loader = DataLoader(train_set, batch_size=25, shuffle=True)
val_loader = DataLoader(val_set, batch_size=50)  # here
model = Alarm()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


def train():
    for epoch in range(8):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        val = validate()
        scheduler.step(val)
    print("val", val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
