"""Cricket species from short sound clips; clips are .npy files, species are in labels.csv.

code: ND104
also:
object: files | clip_files | ClipDataset | train_set | labels | dataset
seen: checkup
"""
import io

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, Subset

torch.manual_seed(5)
SPECIES = ["field", "tree", "mole", "cave"]


def make_archive(n=480, length=160, seed=5):
    """Stands for the unpacked zip of the course: {file name: samples} and the csv text."""
    g = np.random.default_rng(seed)
    store, lines = {}, ["clip,species"]
    t = np.arange(length) / length
    for i in range(n):
        s = int(g.integers(len(SPECIES)))
        wave = np.sin(2 * np.pi * (6 + 7 * s + g.normal(0, .6)) * t + g.uniform(0, 6.28))
        wave = wave * (1 + .5 * np.sin(2 * np.pi * 3 * t + g.uniform(0, 6.28))) + .3 * g.standard_normal(length)
        store[f"clip_{i}.npy"] = wave.astype("float32")
        lines.append(f"{i},{SPECIES[s]}")
    return store, "\n".join(lines)


archive, csv_text = make_archive()


def listdir(folder):
    names = list(folder)
    np.random.default_rng(0).shuffle(names)     # a directory has no order of its own
    return names


class ClipDataset(Dataset):
    def __init__(self, folder, csv_file):
        self.folder = folder
        self.files = sorted(listdir(folder))  # fault
        # fixed: self.files = sorted(listdir(folder), key=lambda name: int(name[5:-4]))
        self.labels = [SPECIES.index(s) for s in pd.read_csv(csv_file)["species"]]  # here

    def __len__(self):
        return len(self.files)

    def __getitem__(self, idx):
        clip = self.folder[self.files[idx]]  # here
        return torch.from_numpy(clip).unsqueeze(0), self.labels[idx]  # here


dataset = ClipDataset(archive, io.StringIO(csv_text))  # here
order = torch.randperm(len(dataset)).tolist()
train_set, val_set = Subset(dataset, order[:384]), Subset(dataset, order[384:])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=96)


class SoundNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 15, padding=7), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 9, padding=4), nn.BatchNorm1d(32), nn.ReLU(), nn.AdaptiveAvgPool1d(1))
        self.out = nn.Linear(32, len(SPECIES))

    def forward(self, x):
        return self.out(self.features(x).flatten(1))


model = SoundNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def accuracy():
    model.eval()
    with torch.no_grad():
        good = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    return good / len(val_set)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        print(epoch, total / len(train_set), accuracy())
    return total / len(train_set)


if __name__ == "__main__":
    print(train())
