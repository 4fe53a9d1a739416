"""Background, organ and tumour in CT patches: dense labels, class-weighted cross-entropy.

code: ND107
also:
object: loss_fn | weight | class_weight | loss_fn.weight
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SIDE = 20


def phantom(n, seed):
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    pick = lambda lo, hi: lo + (hi - lo) * torch.rand(n, 1, 1, generator=g)
    disc = lambda cy, cx, r: (yy - cy) ** 2 + (xx - cx) ** 2 < r ** 2
    cy, cx = pick(8, 12), pick(8, 12)
    organ = disc(cy, cx, pick(5, 7))
    tumour = disc(cy + pick(-2, 2), cx + pick(-2, 2), pick(1.2, 1.9))
    label = organ.long()
    label[tumour] = 2
    level = torch.tensor([-1.0, 0.6, 1.1])[label]
    return (level + 0.35 * torch.randn(n, SIDE, SIDE, generator=g))[:, None], label


ct, label = phantom(160, 0)
ct_val, label_val = phantom(48, 1)
train_loader = DataLoader(TensorDataset(ct, label), 16, shuffle=True)
val_loader = DataLoader(TensorDataset(ct_val, label_val), 48)

share = torch.bincount(label.flatten(), minlength=3) / label.numel()
class_weight = share / share.mean()  # fault
# fixed: class_weight = 1 / share.sqrt() / (1 / share.sqrt()).mean()

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=2, dilation=2), nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 3, 1))
loss_fn = nn.CrossEntropyLoss(weight=class_weight)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def iou(c):
    model.eval()
    with torch.no_grad():
        (x, t), = val_loader
        p = model(x).argmax(1)
    model.train()
    return (((p == c) & (t == c)).sum() / ((p == c) | (t == c)).sum()).item()


def train():
    total = 0.0
    for epoch in range(10):
        total = 0.0
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
    print("IoU background/organ/tumour", [round(iou(c), 2) for c in range(3)])
    return total


if __name__ == "__main__":
    print(train())
