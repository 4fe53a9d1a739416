"""Maps floods from radar backscatter and elevation.

code: ND110
also: ND104
object: PairTransform | flip | mask | FloodScenes
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class PairTransform:
    def __init__(self, p=0.5):
        self.p = p

    def flip(self, t):
        return t.flip(-1) if torch.rand(()).item() < self.p else t

    def __call__(self, image, mask):
        return self.flip(image), self.flip(mask)  # fault
        # fixed: both = self.flip(torch.cat([image, mask]))
        # fixed: return both[:-1], both[-1:]


class FloodScenes(Dataset):
    def __init__(self, n, seed, transform=None):
        g = torch.Generator().manual_seed(seed)
        coarse = torch.randn(n, 1, 5, 5, generator=g)
        slope = torch.linspace(-1, 1, 20) * torch.randn(n, 1, 1, 1, generator=g).sign()
        ground = F.interpolate(coarse, (20, 20), mode="bicubic") * 0.8 + slope
        level = -0.4 + 0.3 * torch.randn(n, 1, 1, 1, generator=g)
        self.masks = (ground < level).float()
        radar = -1.0 * self.masks + 0.5 + 0.8 * torch.randn(n, 1, 20, 20, generator=g)
        self.images = torch.cat([radar, ground], 1)
        self.transform = transform

    def __len__(self):
        return len(self.masks)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.transform:
            image, mask = self.transform(image, mask)  # here
        return {"image": image, "mask": mask}


class Mapper(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.inp = nn.Conv2d(2, c, 3, padding=1)
        self.blocks = nn.ModuleList([nn.Conv2d(c, c, 3, padding=1) for _ in range(2)])
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, image):
        h = F.relu(self.inp(image))
        for block in self.blocks:
            h = h + F.relu(block(h))
        return self.out(h)


torch.manual_seed(1)
train_loader = DataLoader(FloodScenes(240, 0, PairTransform()), batch_size=16, shuffle=True)
val_loader = DataLoader(FloodScenes(60, 1), batch_size=30)
model = Mapper()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["image"]), batch["mask"])


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for b in train_loader:
            loss = loss_fn(model(b["image"]), b["mask"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(b["image"]), b["mask"]).item() for b in val_loader) / len(val_loader)
    print("val loss", val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
