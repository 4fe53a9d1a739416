"""Read the digits of a postcode with a small convolution net.

code: ND106
also: ND102
object: val_tensor | to_tensor | val_loader | val_images | scale
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(57)
digits = load_digits()
images = (digits.images * 255 / 16).astype(np.uint8)
order = np.random.default_rng(57).permutation(len(images))
images, labels = images[order], torch.tensor(digits.target[order])
train_images, val_images = images[:1300], images[1300:]


def to_tensor(batch, scale=True):
    out = torch.from_numpy(batch.astype(np.float32)).unsqueeze(1)
    return (out / 255 - 0.305) / 0.376 if scale else out


train_tensor = to_tensor(train_images)
val_tensor = torch.as_tensor(val_images).float().unsqueeze(1)  # fault
# fixed: val_tensor = to_tensor(val_images)
train_loader = DataLoader(TensorDataset(train_tensor, labels[:1300]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(val_tensor, labels[1300:]), batch_size=497)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.eyes = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(16, 32, 3), nn.ReLU())
        self.drop = nn.Dropout(0.2)
        self.name = nn.Linear(32 * 4, 10)

    def forward(self, x):
        return self.name(self.drop(self.eyes(x).flatten(1)))


model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(6):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        out = model(a)
    print(f"val loss {loss_fn(out, b):.3f} accuracy {(out.argmax(1) == b).float().mean():.3f}")


if __name__ == "__main__":
    train()
