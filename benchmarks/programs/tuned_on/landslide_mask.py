"""Landslide segmentation on slope/NDVI/height tiles with a little U-Net, everything driven by a config.

code: ND107
also:
object: class_weights | loss_fn | loss_fn.weight | weight | CONFIG
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CONFIG = {
    "tiles": {"train": 180, "val": 40, "size": 24},
    "model": {"width": 10},
    "optim": {"lr": 3e-3, "weight_decay": 1e-4},
    # order: background, slide
    "class_weights": [8.0, 0.5],  # fault
    # fixed: "class_weights": [0.5, 8.0],
    "epochs": 8,
    "batch": 12,
}


def make_tiles(n, size, seed):
    gen = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, size, size, generator=gen)
    x = nn.functional.avg_pool2d(x, 3, 1, 1) * 2.2
    mask = torch.zeros(n, size, size, dtype=torch.long)
    for i in range(n):
        h, w = torch.randint(3, 7, (2,), generator=gen).tolist()
        top, left = torch.randint(0, size - 7, (2,), generator=gen).tolist()
        mask[i, top:top + h, left:left + w] = 1
        x[i, 0, top:top + h, left:left + w] += 1.3
        x[i, 1, top:top + h, left:left + w] -= 1.1
    return x, mask


class MiniUNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU())
        self.down2 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU())
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.join = nn.Sequential(nn.Conv2d(3 * width, width, 3, padding=1), nn.ReLU())
        self.logits = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.up(self.down2(a))
        return self.logits(self.join(torch.cat([a, b], 1)))


def build(cfg):
    torch.manual_seed(0)
    tiles = cfg["tiles"]
    loaders = {}
    for split, seed in (("train", 1), ("val", 2)):
        data = TensorDataset(*make_tiles(tiles[split], tiles["size"], seed))
        loaders[split] = DataLoader(data, batch_size=cfg["batch"], shuffle=split == "train")
    net = MiniUNet(**cfg["model"])
    criterion = nn.CrossEntropyLoss(weight=torch.tensor(cfg["class_weights"]))  # here
    return net, criterion, torch.optim.AdamW(net.parameters(), **cfg["optim"]), loaders


model, loss_fn, optimizer, loaders = build(CONFIG)
train_loader, val_loader = loaders["train"], loaders["val"]


def iou():
    inter = union = 0
    model.eval()
    with torch.no_grad():
        for x, m in val_loader:
            p = model(x).argmax(1)
            inter += ((p == 1) & (m == 1)).sum().item()
            union += ((p == 1) | (m == 1)).sum().item()
    model.train()
    return inter / max(union, 1)


def train():
    for _ in range(CONFIG["epochs"]):
        run = []
        for x, m in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), m)
            loss.backward()
            optimizer.step()
            run.append(loss.item())
    print("iou", round(iou(), 3))
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())
