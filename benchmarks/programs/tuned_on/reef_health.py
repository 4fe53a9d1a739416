"""Cover of four coral kinds on reef tiles from a small image, regression with a plain SGD.

code: ND405
also: ND604
object: loss_fn | CoverLoss | reduction | sq
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class CoverLoss(nn.Module):
    """Squared error of the four covers, rarer corals count more."""

    def __init__(self, rarity):
        super().__init__()
        self.register_buffer("rarity", torch.as_tensor(rarity))

    def forward(self, out, target):
        sq = (out - target).square() * self.rarity
        return sq.sum()  # fault
        # fixed: return sq.mean()


class Tiles(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        share = torch.softmax(1.5 * torch.randn(n, 4, generator=g), 1)
        tone = torch.eye(4)[:, :3] * 2 - 0.5
        kind = torch.multinomial(share, 144, replacement=True, generator=g)
        self.img = tone[kind].view(n, 12, 12, 3).permute(0, 3, 1, 2) + 0.3 * torch.randn(n, 3, 12, 12, generator=g)
        self.cover = (share - 0.25) / 0.22

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i], self.cover[i]


torch.manual_seed(16)
train_loader = DataLoader(Tiles(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Tiles(120, 1), batch_size=60)
model = nn.Sequential(
    nn.Conv2d(3, 12, 3, stride=2), nn.ReLU(), nn.Conv2d(12, 24, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 4)
)
loss_fn = CoverLoss([0.5, 0.8, 1.2, 1.5])  # here
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)


def train():
    for epoch in range(8):
        model.train()
        for img, cover in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), cover)  # here
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            mae = sum((model(i) - c).abs().mean().item() for i, c in val_loader) / len(val_loader)
        print(epoch, loss.item(), mae)
    return loss.item()


if __name__ == "__main__":
    print(train())
