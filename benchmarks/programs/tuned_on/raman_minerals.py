"""Raman spectra of six minerals, read folder by folder.

code: ND108
also:
object: train_loader | sampler | shuffle | train_set
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(5)
MINERALS = {"quartz": (20, 46), "calcite": (28, 71), "gypsum": (41, 60), "olivine": (52, 55), "zircon": (10, 66), "apatite": (35, 63)}
BINS = 96


def read_folder(peaks, n=60):
    axis = torch.arange(BINS).float()
    spectra = 0.15 * torch.randn(n, BINS) + torch.linspace(0.3, 0, BINS) * torch.rand(n, 1)
    for p in peaks:
        centre = p + torch.randn(n, 1) * 1.2
        spectra += (0.6 + 0.6 * torch.rand(n, 1)) * torch.exp(-((axis - centre) / 2.0) ** 2)
    return spectra


spectra, labels = [], []
for k, (name, peaks) in enumerate(MINERALS.items()):
    s = read_folder(peaks)
    spectra.append(s)
    labels.append(torch.full((len(s),), k))
spectra = torch.cat(spectra)
labels = torch.cat(labels)
spectra = (spectra - spectra.mean(1, keepdim=True)) / spectra.std(1, keepdim=True)  # SNV
full = TensorDataset(spectra.unsqueeze(1), labels)  # here
val_index = list(range(0, len(full), 5))
train_index = [i for i in range(len(full)) if i % 5]
train_set = Subset(full, train_index)  # here
val_set = Subset(full, val_index)

train_loader = DataLoader(train_set, batch_size=24)  # fault
# fixed: train_loader = DataLoader(train_set, batch_size=24, shuffle=True)
val_loader = DataLoader(val_set, batch_size=36)


class SpectraCNN(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.c1 = nn.Conv1d(1, 16, 7, padding=3)
        self.c2 = nn.Conv1d(16, 16, 7, padding=3)
        self.fc = nn.Linear(16 * (BINS // 16), n_classes)

    def forward(self, x):
        x = F.max_pool1d(F.leaky_relu(self.c1(x)), 4)
        x = F.max_pool1d(F.leaky_relu(self.c2(x)), 4)
        return self.fc(torch.flatten(x, 1))


model = SpectraCNN(len(MINERALS))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def run_epoch():
    model.train()
    out = []
    for x, y in train_loader:  # here
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        out.append(loss.item())
    return sum(out) / len(out)


@torch.no_grad()
def validate():
    model.eval()
    right = 0
    for x, y in val_loader:
        right += (model(x).argmax(-1) == y).sum().item()
    return right / len(val_set)


def train(epochs=8):
    for e in range(epochs):
        l = run_epoch()
        print(f"epoch {e} loss {l:.3f} acc {validate():.3f}")
    return l


if __name__ == "__main__":
    print(train())
