"""Pneumonia on small X-rays collected from four hospitals with different machines.

code: ND115
also: ND106
object: val_loader | val_idx | split | hospital | inputs
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset


class Hospital(Dataset):
    def __init__(self, n, seed, contrast, offset, blur):
        g = np.random.default_rng(seed)
        self.sick = g.integers(0, 2, n)
        yy, xx = np.mgrid[:16, :16]
        imgs = []
        for s in self.sick:
            img = g.normal(0, 0.5, (16, 16)) + np.cos((xx - 7.5) / 3) * 0.8
            if s:
                cy, cx = g.uniform(4, 12, 2)
                img += 1.6 * np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 6)
            for _ in range(blur):
                img = (img + np.roll(img, 1, 0) + np.roll(img, 1, 1)) / 3 * 1.5
            imgs.append(contrast * img + offset)
        self.imgs = np.stack(imgs).astype(np.float32)[:, None]

    def __len__(self):
        return len(self.sick)

    def __getitem__(self, i):
        return torch.from_numpy(self.imgs[i]), torch.tensor(float(self.sick[i]))


sites = ConcatDataset([Hospital(180, 0, 1.0, 0.0, 0), Hospital(180, 1, 0.9, 0.1, 0),
                       Hospital(180, 2, 1.1, -0.1, 0), Hospital(135, 3, 0.5, 1.6, 1)])
n = len(sites)
order = list(range(n))  # fault
# fixed: order = np.random.default_rng(0).permutation(n).tolist()
train_idx, val_idx = order[: int(0.8 * n)], order[int(0.8 * n):]  # here
train_loader = DataLoader(Subset(sites, train_idx), batch_size=30, shuffle=True)
val_loader = DataLoader(Subset(sites, val_idx), batch_size=70)  # here


class XrayNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                                      nn.Conv2d(16, 24, 3, padding=1), nn.ReLU())
        self.classifier = nn.Linear(24, 1)

    def forward(self, x):
        return self.classifier(self.features(x).amax((2, 3))).squeeze(1)


torch.manual_seed(0)
model = XrayNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        total = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([((model(x) > 0) == (y > 0.5)).float() for x, y in val_loader]).mean()
        print(f"epoch {epoch}: loss {np.mean(total):.3f} val accuracy {acc:.3f}")
    return float(np.mean(total))


if __name__ == "__main__":
    print(train())
