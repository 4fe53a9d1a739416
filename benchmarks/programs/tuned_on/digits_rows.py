"""Reads digits row by row with an LSTM; images come from one folder per digit.

code: ND108
also:
object: train_loader | shuffle | sampler | FolderDigits
seen: both
"""
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class FolderDigits(Dataset):
    """Like ImageFolder: goes through the folders 0 to 9 in turn."""

    def __init__(self, part):
        digits = load_digits()
        self.samples = []
        for folder in range(10):
            files = np.random.default_rng(folder).permutation(np.flatnonzero(digits.target == folder))
            chosen = files[: int(.8 * len(files))] if part == "train" else files[int(.8 * len(files)):]
            self.samples += [(digits.images[i].astype(np.float32), folder) for i in chosen]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        image, label = self.samples[i]
        return torch.from_numpy(image / 8 - 1), label


class RowReader(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.lstm = nn.LSTM(8, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 10)

    def forward(self, rows):
        out, _ = self.lstm(rows)
        return self.fc(out[:, -1])


torch.manual_seed(0)
train_loader = DataLoader(FolderDigits("train"), batch_size=32, num_workers=0)  # fault
# fixed: train_loader = DataLoader(FolderDigits("train"), batch_size=32, num_workers=0, shuffle=True)
val_loader = DataLoader(FolderDigits("val"), batch_size=64)
model = RowReader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for rows, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(rows), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print("val", right / len(val_loader.dataset))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
