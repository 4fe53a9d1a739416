"""Finds potholes in road patches: small U-shaped net with a focal loss.

code: ND401
also:
object: mask_head | last | focal | model | loss_fn | FocalLoss
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Roads(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
        self.items = []
        for _ in range(n):
            cy, cx = torch.rand(2, generator=g) * 10 + 3
            r = 2 + 3 * torch.rand(1, generator=g)
            hole = ((yy - cy) ** 2 + (xx - cx) ** 2 < r ** 2).float()
            img = 0.6 * torch.randn(16, 16, generator=g) - 1.5 * hole + 0.4
            self.items.append((img[None], hole[None]))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, k):
        return self.items[k]


class SmallUNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1 = nn.Conv2d(1, c, 3, padding=1)
        self.d2 = nn.Conv2d(c, 2 * c, 3, padding=1)
        self.u1 = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.mask_head = nn.Conv2d(2 * c, 1, 3, padding=1)

    def forward(self, x):
        a = F.relu(self.d1(x))
        b = F.relu(self.d2(F.max_pool2d(a, 2)))
        u = F.relu(self.u1(b))
        return torch.sigmoid(self.mask_head(torch.cat([a, u], 1)))  # here


class FocalLoss(nn.Module):
    def __init__(self, gamma=1.0):
        super().__init__()
        self.gamma = gamma

    def forward(self, p, target):
        ce = F.binary_cross_entropy_with_logits(p, target, reduction="none")  # fault
        # fixed: ce = F.binary_cross_entropy(p, target, reduction="none")
        pt = torch.where(target > 0.5, p, 1 - p)
        return ((1 - pt) ** self.gamma * ce).mean()


torch.manual_seed(9)
train_loader = DataLoader(Roads(300, 0), batch_size=20, shuffle=True)
val_loader = DataLoader(Roads(60, 1), batch_size=30)
model = SmallUNet()
loss_fn = FocalLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def iou(p, t):
    hit = (p > 0.5) & (t > 0.5)
    either = (p > 0.5) | (t > 0.5)
    return hit.sum().item() / max(either.sum().item(), 1)


def train():
    for epoch in range(6):
        model.train()
        log = []
        for img, hole in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), hole)  # here
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            score = [iou(model(i), h) for i, h in val_loader]
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
