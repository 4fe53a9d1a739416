"""Grades diabetic retinopathy (0-2) from fundus frames; every visit of a patient gives five nearly equal frames.

code: ND105
also:
object: val_loader | val_rows | split | frames | validation
seen: checkup
"""
import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from torch import nn
from torch.utils.data import DataLoader, Dataset


class FundusFrames(Dataset):
    """rows: (patient, frame)"""

    def __init__(self, patients=110, frames=5, size=14, seed=0):
        rng = np.random.default_rng(seed)
        self.image, self.grade, self.patient = [], [], []
        for p in range(patients):
            g = int(rng.integers(0, 3))
            eye = rng.normal(0, 1.0, (2, size, size))                # the vessels of this eye
            for _ in range(3 * g + rng.integers(0, 2)):              # lesions
                r, c = rng.integers(1, size - 1, 2)
                eye[0, r - 1:r + 2, c - 1:c + 2] += 1.6
            for _ in range(frames):
                self.image.append((eye + rng.normal(0, 0.02, eye.shape)).astype(np.float32))
                self.grade.append(g)
                self.patient.append(p)

    def __len__(self):
        return len(self.grade)

    def __getitem__(self, i):
        return {"image": torch.from_numpy(self.image[i]), "grade": self.grade[i]}


data = FundusFrames()
split = ShuffleSplit(1, test_size=0.25, random_state=0)  # fault
# fixed: split = GroupShuffleSplit(1, test_size=0.25, random_state=0)
train_rows, val_rows = next(split.split(np.arange(len(data)), groups=data.patient))  # here
train_loader = DataLoader(torch.utils.data.Subset(data, train_rows.tolist()), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(torch.utils.data.Subset(data, val_rows.tolist()), batch_size=64)  # here


class Grader(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(2, 16, 3), nn.ReLU(), nn.Conv2d(16, 24, 3), nn.ReLU(), nn.AvgPool2d(5))
        self.drop = nn.Dropout(0.3)
        self.grade = nn.Linear(96, 3)

    def forward(self, image):
        return self.grade(self.drop(self.features(image).flatten(1)))


torch.manual_seed(1)
model = Grader()
criterion = loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)


def batch_loss(setup, batch):
    return criterion(setup.model(batch["image"]), batch["grade"])


def run_epoch(loader, learn):
    model.train(learn)
    loss_sum = right = n = 0
    with torch.set_grad_enabled(learn):
        for b in loader:
            out = model(b["image"])
            loss = criterion(out, b["grade"])
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(out)
            right += (out.argmax(1) == b["grade"]).sum().item()
            n += len(out)
    return loss_sum / n, right / n


def train():
    for epoch in range(10):
        (l, a), (vl, va) = run_epoch(train_loader, True), run_epoch(val_loader, False)
        print(f"{epoch:2d} train {l:.3f}/{a:.2f}  val {vl:.3f}/{va:.2f}")
    return l


if __name__ == "__main__":
    print(train())
