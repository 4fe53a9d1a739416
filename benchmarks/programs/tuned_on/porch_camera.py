"""Tells whether somebody moved between two grey frames of a porch camera.

code: ND111
also:
object: FramePairs | diff | train_set | before | after
seen: checkup
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

H = W = 14
torch.manual_seed(31)


def record(n, seed):
    g = np.random.default_rng(seed)
    scene = g.uniform(60, 190, (n, H // 2, W // 2)).repeat(2, 1).repeat(2, 2)
    moved = g.integers(0, 2, n)
    before = scene + g.normal(0, 2.5, scene.shape)
    after = scene + g.normal(0, 2.5, scene.shape)
    for i in np.flatnonzero(moved):
        r, c = g.integers(1, H - 6), g.integers(1, W - 5)
        after[i, r:r + 5, c:c + 4] += g.choice([-1, 1]) * g.uniform(6, 16)
    return before.round().clip(0, 255).astype(np.uint8), after.round().clip(0, 255).astype(np.uint8), moved


class FramePairs(Dataset):
    """Frames come from the recorder as 8-bit grey."""

    def __init__(self, before, after, moved):
        self.before, self.after, self.moved = before, after, moved

    def __len__(self):
        return len(self.moved)

    def __getitem__(self, i):
        diff = self.after[i] - self.before[i]  # fault
        # fixed: diff = self.after[i].astype(np.int16) - self.before[i].astype(np.int16)
        diff = torch.from_numpy(diff.astype(np.float32)) / 10.0  # here
        return {"frame_diff": diff.unsqueeze(0), "moved": torch.tensor(float(self.moved[i]))}


train_set, val_set = FramePairs(*record(700, 1)), FramePairs(*record(200, 2))  # here
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)


class MotionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.mid = nn.Conv2d(8, 16, 3, padding=1, stride=2)
        self.score = nn.Linear(16, 1)

    def forward(self, frame_diff):
        h = F.relu(self.mid(F.relu(self.stem(frame_diff))))
        return self.score(h.amax((2, 3))).squeeze(1)


model = MotionNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["frame_diff"]), batch["moved"])


def validate():
    model.eval()
    ok = 0
    with torch.no_grad():
        for b in val_loader:
            ok += ((model(b["frame_diff"]) > 0) == (b["moved"] > 0.5)).sum().item()
    return ok / len(val_set)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        sum_loss = 0.0
        for b in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(b["frame_diff"]), b["moved"])
            loss.backward()
            optimizer.step()
            sum_loss += loss.item() * len(b["moved"])
        print(f"[{epoch}] loss {sum_loss / len(train_set):.4f} val acc {validate():.3f}")
    return sum_loss / len(train_set)


if __name__ == "__main__":
    print(train())
