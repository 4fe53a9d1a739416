"""Reads single digits cut from scanned envelopes; images come as files, labels as a table in file-number order.

code: ND104
also:
object: train_set | dataset | files | labels | PostcodeDigits
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(3)
_scan = load_digits()

# the folder as it lies on disk: name -> pixels, and labels.csv, one row per scan number
folder = {f"scan_{n}.png": _scan.images[n] for n in range(1200)}
labels_csv = [int(t) for t in _scan.target[:1200]]


class PostcodeDigits(Dataset):
    def __init__(self, folder, labels):
        self.folder = folder
        self.files = sorted(folder.keys())  # fault
        # fixed: self.files = sorted(folder.keys(), key=lambda f: int(f[5:-4]))
        self.labels = labels  # here

    def __len__(self):
        return len(self.files)

    def __getitem__(self, idx):
        img = torch.tensor(self.folder[self.files[idx]], dtype=torch.float32) / 16.0
        img = (img - 0.305) / 0.376
        return img.unsqueeze(0), self.labels[idx]  # here


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


dataset = PostcodeDigits(folder, labels_csv)  # here
train_set, val_set = torch.utils.data.random_split(dataset, [1000, 200], generator=torch.Generator().manual_seed(0))
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def evaluate():
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in val_loader:
            right += (model(x).argmax(1) == y).sum().item()
    return right / len(val_set)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        print(epoch, total / len(train_set), evaluate())
    return total / len(train_set)


if __name__ == "__main__":
    print(train())
