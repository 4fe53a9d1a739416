"""Which sounds are in the street recording? Several at once: siren, horn, drill, dog (log-mel patches).

code: ND306
also:
object: dropout | fc1 | model | SoundNet
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 2024
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)
BANDS, FRAMES = 24, 32
TAGS = ("siren", "horn", "drill", "dog")


def patch(tags):
    s = rng.normal(0, 1.0, (BANDS, FRAMES))
    tt = np.arange(FRAMES)
    if tags[0]:
        row = 12 + 5 * np.sin(tt / rng.uniform(3, 5) + rng.uniform(0, 6))
        s[row.astype(int), tt] += 3.5
    if tags[1]:
        r, a = rng.integers(4, 8), rng.integers(0, 16)
        s[[r, r + 4, r + 8], a:a + 14] += 2.2
    if tags[2]:
        s[14:, rng.integers(0, 2)::2] += 1.3
    if tags[3]:
        for _ in range(rng.integers(1, 3)):
            a = rng.integers(0, FRAMES - 4)
            s[6:16, a:a + 3] += 2.0
    return s


present = (rng.random((640, 4)) < 0.4).astype(np.float32)
spec = np.stack([patch(p) for p in present]).astype(np.float32)[:, None]
spec = (spec - spec[:512].mean()) / spec[:512].std()
X, Y = torch.from_numpy(spec), torch.from_numpy(present)


def batches(a, b, size, shuffle):
    ds = torch.utils.data.TensorDataset(X[a:b], Y[a:b])
    return torch.utils.data.DataLoader(ds, batch_size=size, shuffle=shuffle)


train_loader = batches(0, 512, 32, True)
val_loader = batches(512, 640, 64, False)


class SoundNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(24)
        self.fc1 = nn.Linear(24 * 6 * 8, 48)
        self.fc2 = nn.Linear(48, len(TAGS))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        x = F.dropout(x, p=0.5)  # fault
        # fixed: x = F.dropout(x, p=0.5, training=self.training)
        return self.fc2(x)


model = SoundNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def validate():
    model.eval()
    tot, hit = 0.0, 0.0
    with torch.no_grad():
        for x, y in val_loader:
            z = model(x)
            tot += loss_fn(z, y).item() * len(x)
            hit += ((z > 0) == (y > 0.5)).float().mean().item() * len(x)
    return tot / 128, hit / 128


def train():
    for ep in range(6):
        model.train()
        acc = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            l = loss_fn(model(x), y)
            l.backward()
            optimizer.step()
            acc += l.item()
        v, h = validate()
        print(f"{ep:2d} {acc / len(train_loader):.4f} {v:.4f} {h:.3f}")
    return acc / len(train_loader)


if __name__ == "__main__":
    print(train())
