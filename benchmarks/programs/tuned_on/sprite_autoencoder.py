"""Compresses 12x12 one-colour game sprites to sixteen numbers.

code: ND202
also: ND502
object: encoder.0 | encoder.0.weight | decoder.0 | weights_init | encoder.2
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader


class Sprites(Dataset):
    """Left-right symmetric blobs, drawn once."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(12.), torch.arange(12.), indexing="ij")
        cy, ry = 3 + 6 * torch.rand(n, 1, 1, generator=g), 1.5 + 3 * torch.rand(n, 1, 1, generator=g)
        rx, off = 1 + 3 * torch.rand(n, 1, 1, generator=g), 4 * torch.rand(n, 1, 1, generator=g)
        dx = (xx - 5.5).abs() - off
        d = ((yy - cy) / ry) ** 2 + (dx / rx) ** 2
        self.img = (torch.sigmoid(4 * (1 - d)) * 2 - 1).unsqueeze(1)

    def __len__(self): return self.img.shape[0]

    def __getitem__(self, i): return self.img[i], self.img[i]


def weights_init(m):
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(m.weight, 0.0, 0.0002)  # fault
        # fixed: nn.init.xavier_uniform_(m.weight, gain=1.4)
        nn.init.zeros_(m.bias)


class SpriteCoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(24 * 9, 16))
        self.decoder = nn.Sequential(
            nn.Linear(16, 24 * 9), nn.LeakyReLU(0.2), nn.Unflatten(1, (24, 3, 3)),
            nn.ConvTranspose2d(24, 12, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(12, 1, 4, stride=2, padding=1), nn.Tanh())

    def forward(self, img):
        return self.decoder(self.encoder(img))


torch.manual_seed(7)
train_loader = DataLoader(Sprites(640, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Sprites(128, 2), batch_size=64)
model = SpriteCoder()
model.apply(weights_init)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)


def train():
    for epoch in range(8):
        model.train()
        epoch_loss = 0
        for img, target in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(img), target)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(img)
        model.eval()
        with torch.inference_mode():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / 2
    return epoch_loss / 640


if __name__ == "__main__":
    print(train())
