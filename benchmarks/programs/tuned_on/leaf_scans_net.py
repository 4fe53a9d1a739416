"""How wide is the leaf? A conv net regresses the width from scans that lie in a folder as leaf_0.pgm, leaf_1.pgm, ...

code: ND104
also:
object: names | sorted | files | widths | LeafFolder
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(9)


def scan_leaves(count=600, seed=9):
    """The 'folder': file name -> picture; and the measurements in the order of the scan numbers."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:16, 0:16] - 7.5
    folder, widths = {}, []
    for number in range(count):
        width, length = rng.uniform(2, 7), rng.uniform(4, 7.5)
        leaf = ((xx / width) ** 2 + (yy / length) ** 2 < 1) * 1.0
        folder[f"leaf_{number}.pgm"] = leaf * rng.uniform(0.6, 1.0) + rng.normal(0, 0.08, (16, 16))
        widths.append(width)
    return folder, np.array(widths, dtype=np.float32)


class LeafFolder(Dataset):
    def __init__(self):
        self.folder, widths = scan_leaves()
        self.names = sorted(self.folder)  # fault
        # fixed: self.names = sorted(self.folder, key=lambda name: int(name[5:-4]))
        self.widths = (widths - widths.mean()) / widths.std()

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        leaf = torch.tensor(self.folder[self.names[i]], dtype=torch.float32)
        return (leaf[None] - 0.3) / 0.4, torch.tensor([self.widths[i]])  # here


leaves = LeafFolder()
train_set, val_set = random_split(leaves, [480, 120], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=60)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
    nn.Flatten(), nn.Linear(256, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        for leaf, width in train_loader:
            optimizer.zero_grad()
            loss_fn(model(leaf), width).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        error = np.mean([loss_fn(model(leaf), width).item() for leaf, width in val_loader])
    print(f"val mse {error:.3f} (1.0 is guessing the mean)")


if __name__ == "__main__":
    train()
