"""Grades apples on a belt (four grades) from thumbnails and a list of grades.

code: ND104
also:
object: names | grades | AppleFolder | labels | files
seen: both
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


def photograph(grade, r):
    red = np.array([0.35, 0.5, 0.65, 0.8])[grade]
    img = np.stack([r.normal(red, .06, (16, 16)), r.normal(.8 - .6 * red, .06, (16, 16)), r.normal(.2, .05, (16, 16))])
    for _ in range(r.poisson(1.5 * (3 - grade))):
        y, x = r.integers(0, 14, 2)
        img[:, y:y + 2, x:x + 2] *= 0.4
    return img.clip(0, 1).astype(np.float32)


def archive(n=600):
    r = np.random.default_rng(21)
    grades = r.integers(0, 4, n)
    files = {f"apple_{i}.png": photograph(g, r) for i, g in enumerate(grades)}
    return files, grades


class AppleFolder(Dataset):
    def __init__(self, files, grades):
        self.files = files
        self.names = sorted(files)  # fault
        # fixed: self.names = sorted(files, key=lambda s: int(s[6:-4]))
        self.grades = torch.from_numpy(grades)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        img = torch.from_numpy(self.files[self.names[i]])
        return (img - 0.4) / 0.25, self.grades[i]  # here


class Grader(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 24, 3, padding=1)
        self.fc = nn.Linear(24, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        return self.fc(F.relu(self.c2(x)).mean((2, 3)))


folder = AppleFolder(*archive())  # here
picked = np.random.default_rng(1).permutation(len(folder)).tolist()
torch.manual_seed(2)
train_loader = DataLoader(Subset(folder, picked[:480]), batch_size=32, shuffle=True)
val_loader = DataLoader(Subset(folder, picked[480:]), batch_size=60)
model = Grader()
loss_fn = F.cross_entropy
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(9):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in val_loader])
    print("val accuracy", round(float(acc), 3))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
