"""Leaf disease from 16x16 colour patches, own transforms in the torchvision way.

code: ND106
also:
object: val_ds | val_loader | val_tf | val_transform | Normalize
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class Compose:
    def __init__(self, ts): self.ts = ts
    def __call__(self, img):
        for t in self.ts:
            img = t(img)
        return img


class ToFloat:
    def __call__(self, img): return img.permute(2, 0, 1).float() / 255.0


class RandomHFlip:
    def __call__(self, img): return img.flip(-1) if torch.rand(()) < 0.5 else img


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
    def __call__(self, img): return (img - self.mean) / self.std


def photograph(label, g):
    leaf = torch.tensor([70.0, 130.0, 55.0]).expand(16, 16, 3).clone()
    leaf += 18 * torch.randn(16, 16, 3, generator=g)
    yy, xx = torch.meshgrid(torch.arange(16.), torch.arange(16.), indexing="ij")
    cy, cx = torch.randint(4, 12, (2,), generator=g)
    r = ((yy - cy) ** 2 + (xx - cx) ** 2).sqrt()
    if label == 1:      # brown spot
        leaf[r < 3] += torch.tensor([60.0, -45.0, -20.0])
    elif label == 2:    # yellow ring (rust)
        leaf[(r > 2) & (r < 4.5)] += torch.tensor([80.0, 50.0, -20.0])
    elif label == 3:    # white mildew
        leaf[torch.rand(16, 16, generator=g) < 0.18] += 80
    return leaf.clamp(0, 255).to(torch.uint8)


class Leaves(Dataset):
    def __init__(self, n, seed, transform):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(0, 4, (n,), generator=g)
        self.images = [photograph(int(l), g) for l in self.labels]
        self.transform = transform

    def __len__(self): return len(self.images)
    def __getitem__(self, i): return self.transform(self.images[i]), self.labels[i]


torch.manual_seed(3)
MEAN, STD = [0.29, 0.50, 0.21], [0.11, 0.11, 0.09]
train_tf = Compose([ToFloat(), RandomHFlip(), Normalize(MEAN, STD)])
val_tf = Compose([ToFloat()])  # fault
# fixed: val_tf = Compose([ToFloat(), Normalize(MEAN, STD)])

train_ds = Leaves(640, 1, train_tf)
val_ds = Leaves(200, 2, val_tf)  # here
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=100)  # here


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2))


model = nn.Sequential(conv(3, 12), conv(12, 24), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)


@torch.no_grad()
def accuracy():
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_ds)


def train(epochs=8):
    for e in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {e}: {sum(losses) / len(losses):.4f}  val acc {accuracy():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
