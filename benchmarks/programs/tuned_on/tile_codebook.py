"""Learned compression of 8x8 map tiles: encoder, quantised code, decoder.

code: ND501
also:
object: encoder | model.encoder | round | quantise
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(60)


def tiles(n):
    gy, gx = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="ij")
    a, b, c = torch.randn(3, n, 1, 1)
    t = a * gx + b * gy + c * torch.sin(3 * gx * gy) + 0.05 * torch.randn(n, 8, 8)
    return (t / t.std()).flatten(1)


class TileCodec(nn.Module):
    LEVELS = 4

    def __init__(self, code=6):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, code))
        self.decoder = nn.Sequential(nn.Linear(code, 32), nn.GELU(), nn.Linear(32, 64))

    def quantise(self, z):
        q = torch.round(z * self.LEVELS) / self.LEVELS  # here
        return q  # fault
        # fixed: return z + (q - z).detach()

    def forward(self, tile):
        return self.decoder(self.quantise(self.encoder(tile)))  # here


x = tiles(1152)
train_loader = DataLoader(TensorDataset(x[:1024], x[:1024]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1024:], x[1024:]), batch_size=128)
model = TileCodec()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        for tile, same in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(tile), same)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(t), s).item() for t, s in val_loader]
        print(epoch, loss.item(), val)
    return loss.item()


if __name__ == "__main__":
    print(train())
