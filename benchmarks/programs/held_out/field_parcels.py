"""Crop segmentation of satellite tiles: wheat, maize, fallow. Dice plus cross entropy on probabilities.

code: ND304
also:
object: softmax | probs | SegNet | forward
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(17)
CLASSES = 3
SPECTRA = torch.tensor([[1.0, -0.5, 0.2], [-0.8, 0.9, 0.4], [0.1, -0.2, -1.2]])


class Tiles(Dataset):
    def __init__(self, count, seed):
        g = torch.Generator().manual_seed(seed)
        coarse = torch.randint(0, CLASSES, (count, 4, 4), generator=g)
        self.masks = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)
        self.tiles = SPECTRA[self.masks].permute(0, 3, 1, 2) + 0.7 * torch.randn(count, 3, 16, 16, generator=g)

    def __len__(self):
        return len(self.tiles)

    def __getitem__(self, i):
        return self.tiles[i], self.masks[i]


class SegNet(nn.Module):
    def __init__(self, w=16):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, w, 3, padding=1), nn.BatchNorm2d(w), nn.ReLU(), nn.Conv2d(w, w, 3, stride=2, padding=1), nn.BatchNorm2d(w), nn.ReLU())
        self.up = nn.ConvTranspose2d(w, w, 2, stride=2)
        self.classes = nn.Conv2d(w, CLASSES, 1)

    def forward(self, tile):
        logits = self.classes(F.relu(self.up(self.down(tile))))
        return F.softmax(logits, dim=-1)  # fault
        # fixed: return F.softmax(logits, dim=1)


class DiceCE(nn.Module):
    def forward(self, probs, mask):
        truth = F.one_hot(mask, CLASSES).permute(0, 3, 1, 2).float()
        overlap = (probs * truth).sum((0, 2, 3))
        dice = (2 * overlap + 1) / (probs.sum((0, 2, 3)) + truth.sum((0, 2, 3)) + 1)
        ce = F.nll_loss(probs.clamp(min=1e-6).log(), mask)
        return 1 - dice.mean() + ce


train_loader = DataLoader(Tiles(160, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(Tiles(40, 1), batch_size=20)
model = SegNet()
loss_fn = DiceCE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def pixel_accuracy():
    model.eval()
    return sum((model(t).argmax(1) == m).float().mean().item() for t, m in val_loader) / len(val_loader)  # here


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for tile, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tile), mask)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, sum(losses) / len(losses), pixel_accuracy())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
