"""sklearn's digits, read from per-class folders the way ImageFolder does it. Plain script.

code: ND108
also:
object: train_loader | read_folders | shuffle | sampler
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def read_folders(split):
    """'0/', '1/', ... '9/': one folder after the other."""
    raw = load_digits()
    picked = np.random.default_rng(0).permutation(len(raw.target))
    picked = picked[:1400] if split == "train" else picked[1400:]
    images, labels = [], []
    for folder in range(10):
        mine = picked[raw.target[picked] == folder]
        images.append(raw.images[mine])
        labels.append(np.full(len(mine), folder))
    images = np.concatenate(images).astype("float32") / 16.0
    return torch.from_numpy((images - 0.305) / 0.376)[:, None], torch.from_numpy(np.concatenate(labels)).long()


torch.manual_seed(0)
kwargs = dict(batch_size=50, drop_last=False)
train_loader = DataLoader(TensorDataset(*read_folders("train")), **kwargs)  # fault
# fixed: train_loader = DataLoader(TensorDataset(*read_folders("train")), shuffle=True, **kwargs)
val_loader = DataLoader(TensorDataset(*read_folders("val")), **kwargs)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 16, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    for epoch in range(4):
        model.train()
        for image, label in train_loader:
            loss = loss_fn(model(image), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            pairs = [(model(i), l) for i, l in val_loader]
            out, lab = torch.cat([p[0] for p in pairs]), torch.cat([p[1] for p in pairs])
            print(f"epoch {epoch}: val loss {loss_fn(out, lab):.3f} acc {(out.argmax(1) == lab).float().mean():.3f}")
    return loss.item()


if __name__ == "__main__":
    print(train())
