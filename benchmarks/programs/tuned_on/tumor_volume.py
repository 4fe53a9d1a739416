"""Lesion masks on toy MR slices; soft Dice written by hand.

code: ND403
also:
object: soft_dice | dice | inter | loss_fn
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.utils.data as tud


class SliceDataset(tud.Dataset):
    """Slices (1, 20, 20) with their lesion masks (20, 20)."""

    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        yy, xx = np.mgrid[:20, :20]
        c, rad = r.uniform(5, 15, (n, 2)), r.uniform(2.5, 5, n)
        self.mask = (((yy - c[:, :1, None]) ** 2 + (xx - c[:, 1:, None]) ** 2) < rad[:, None, None] ** 2).astype("f4")
        self.img = (self.mask * 2 - 0.4 + 0.8 * r.standard_normal((n, 20, 20))).astype("f4")

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i][None], self.mask[i]


def soft_dice(logits, mask, smooth=1.0):
    prob = logits.sigmoid()
    inter = (prob * mask).sum((-2, -1))  # fault
    # fixed: prob = prob.squeeze(1)
    # fixed: inter = (prob * mask).sum((-2, -1))
    total = prob.sum((-2, -1)) + mask.sum((-2, -1))  # here
    return 1 - ((2 * inter + smooth) / (total + smooth)).mean()


torch.manual_seed(3)
model = nn.Sequential(
    nn.Conv2d(1, 12, 5, padding=2), nn.GroupNorm(3, 12), nn.GELU(),
    nn.Conv2d(12, 12, 5, padding=2), nn.GroupNorm(3, 12), nn.GELU(),
    nn.Conv2d(12, 1, 1))
loss_fn = soft_dice  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
train_loader = tud.DataLoader(SliceDataset(192, 1), batch_size=16, shuffle=True)
val_loader = tud.DataLoader(SliceDataset(48, 2), batch_size=16)


def train():
    for epoch in range(8):
        model.train()
        acc = []
        for img, mask in train_loader:
            loss = loss_fn(model(img), mask)  # here
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            acc.append(loss.item())
        model.eval()
        with torch.no_grad():
            v = np.mean([loss_fn(model(i), m).item() for i, m in val_loader])
        print(epoch, np.mean(acc), v)
    return float(np.mean(acc))


if __name__ == "__main__":
    print(train())
