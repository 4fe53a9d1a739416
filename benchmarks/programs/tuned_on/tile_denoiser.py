"""Cleans noisy pictures of striped tiles with a small conv autoencoder.

code: ND405
also: ND604
object: loss_fn | reduction | MSELoss
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(48)


class Tiles(Dataset):
    def __init__(self, count, seed):
        g = torch.Generator().manual_seed(seed)
        r = torch.arange(12).float()
        a = torch.rand(count, 1, 1, generator=g) * 1.2
        b = torch.rand(count, 1, 1, generator=g) * 1.2
        self.clean = torch.sin(a * r[:, None] + b * r[None, :]).unsqueeze(1)
        self.noisy = self.clean + 0.5 * torch.randn(self.clean.shape, generator=g)

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, k):
        return self.noisy[k], self.clean[k]


train_loader = DataLoader(Tiles(400, 1), batch_size=20, shuffle=True)
val_loader = DataLoader(Tiles(100, 2), batch_size=50)
model = nn.Sequential(
    nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(),
    nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(),
    nn.Conv2d(12, 1, 3, padding=1),
)
loss_fn = nn.MSELoss(reduction="sum")  # fault
# fixed: loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


@torch.no_grad()
def error():
    model.eval()
    return torch.cat([(model(a) - b).pow(2).flatten(1).mean(1) for a, b in val_loader]).mean().item()


def train():
    for epoch in range(8):
        model.train()
        for noisy, clean in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(noisy), clean)
            loss.backward()
            optimizer.step()
    print(f"val error {error():.3f}")


if __name__ == "__main__":
    train()
