"""Grades fundus photographs; every eye was photographed several times in one visit.

code: ND105
also:
object: splitter | ShuffleSplit | val_rows | val_loader | photos | eye | groups
seen: both
"""
import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

gen = np.random.default_rng(90)
SHOTS, EYES, S = 3, 240, 20
GY, GX = np.mgrid[:S, :S]


def visit(grade):
    """the same eye, SHOTS times with a little sensor noise"""
    eye = np.zeros((2, S, S))
    for _ in range(4):
        a, b = gen.normal(0, 1, 2)
        eye[0] += 0.4 * np.sin(a * GY / 3 + b * GX / 3 + gen.uniform(0, 6))
    eye[1] = 0.5 * gen.normal(size=(S, S))
    for _ in range(2 * grade + gen.integers(0, 2)):
        cy, cx = gen.integers(2, S - 2, 2)
        eye[1] += 1.8 * np.exp(-((GY - cy) ** 2 + (GX - cx) ** 2) / 3)
    return [eye + 0.02 * gen.normal(size=eye.shape) for _ in range(SHOTS)]


class Fundus(Dataset):
    def __init__(self):
        self.photos, self.grade, self.eye = [], [], []
        for e in range(EYES):
            grade = e % 3
            for shot in visit(grade):
                self.photos.append(torch.tensor(shot, dtype=torch.float32))
                self.grade.append(grade)
                self.eye.append(e)
        stack = torch.stack(self.photos)
        m, s = stack.mean((0, 2, 3), keepdim=True)[0], stack.std((0, 2, 3), keepdim=True)[0]
        self.photos = [(p - m) / s for p in self.photos]

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, i):
        return self.photos[i], self.grade[i]


fundus = Fundus()
splitter = ShuffleSplit(1, test_size=0.2, random_state=0)  # fault
# fixed: splitter = GroupShuffleSplit(1, test_size=0.2, random_state=0)
train_rows, val_rows = next(splitter.split(fundus.grade, fundus.grade, groups=fundus.eye))  # here
torch.manual_seed(0)
train_loader = DataLoader(Subset(fundus, train_rows.tolist()), batch_size=26, shuffle=True)  # here
val_loader = DataLoader(Subset(fundus, val_rows.tolist()), batch_size=72)  # here

model = nn.Sequential(
    nn.Conv2d(2, 10, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
    nn.Conv2d(10, 20, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
    nn.Flatten(), nn.Dropout(0.4), nn.Linear(500, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=5):
    for _ in range(epochs):
        model.train()
        batch_losses = []
        for photo, grade in train_loader:
            loss = loss_fn(model(photo), grade)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val_acc = np.mean([(model(p).argmax(1) == g).float().mean().item() for p, g in val_loader])
    return float(np.mean(batch_losses))


if __name__ == "__main__":
    print(train())
