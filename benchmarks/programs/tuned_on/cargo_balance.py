"""Trim of a loaded ship from a set of containers (deep sets), with a confidence weight per voyage.

code: ND403
also:
object: weight | batch_loss | weighted_mse | w
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Voyages(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.data = []
        for _ in range(n):
            k = int(torch.randint(4, 10, (1,), generator=g))
            box = torch.randn(k, 3, generator=g)  # along, across, mass
            trim = (box[:, 0] * (1.5 + box[:, 2]).clamp(min=0)).sum() / 3
            conf = torch.rand(1, generator=g) ** 2 * 1.8 + 0.4
            self.data.append((box, trim + torch.randn((), generator=g) * 0.2 / conf[0], conf))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


def pack(items):
    n = max(len(b) for b, _, _ in items)
    boxes, mask = torch.zeros(len(items), n, 3), torch.zeros(len(items), n, 1)
    for r, (b, _, _) in enumerate(items):
        boxes[r, :len(b)], mask[r, :len(b)] = b, 1.0
    return {
        "boxes": boxes,
        "mask": mask,
        "trim": torch.stack([t for _, t, _ in items]),
        "weight": torch.stack([c for _, _, c in items]),  # fault
        # fixed: "weight": torch.cat([c for _, _, c in items]),
    }


class DeepSet(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(3, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.rho = nn.Sequential(nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 1))

    def forward(self, boxes, mask):
        return self.rho((self.phi(boxes) * mask).sum(1) / 4)[:, 0]


def weighted_mse(pred, target, w):
    se = (pred - target) ** 2
    return (w * se).mean() / w.mean()  # here


torch.manual_seed(4)
train_loader = DataLoader(Voyages(640, 0), batch_size=32, shuffle=True, collate_fn=pack)
val_loader = DataLoader(Voyages(160, 1), batch_size=80, collate_fn=pack)
model = DeepSet()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return weighted_mse(setup.model(batch["boxes"], batch["mask"]), batch["trim"], batch["weight"])  # here


def train():
    for epoch in range(8):
        model.train()
        ls = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = weighted_mse(model(b["boxes"], b["mask"]), b["trim"], b["weight"])
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            [weighted_mse(model(b["boxes"], b["mask"]), b["trim"], b["weight"]).item() for b in val_loader]
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
