"""Does the engine knock? Band energies of vibration frames, then a small net.

code: ND807
also: ND308 | ND310
object: half | energy | BandEnergy | float16
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(18)
FRAME, BANDS = 128, 8


def frames(n):
    knock = torch.randint(0, 2, (n,))
    loud = torch.exp(0.3 * torch.randn(n, 1))
    t = torch.arange(FRAME).float()
    hum = torch.sin(0.2 * t + 6.28 * torch.rand(n, 1))
    ring = torch.sin(1.9 * t + 6.28 * torch.rand(n, 1)) * knock[:, None] * 0.5
    return TensorDataset(loud * (hum + ring + 0.3 * torch.randn(n, FRAME)), knock)


class BandEnergy(nn.Module):
    """Log energy of each frequency band; the recorder counts in 1/200 units."""

    def __init__(self):
        super().__init__()
        self.register_buffer("gain", torch.tensor(200.0))

    def forward(self, wave):
        spectrum = torch.fft.rfft(wave * self.gain, norm="ortho").abs()[:, : FRAME // 2]
        bands = spectrum.view(len(wave), BANDS, -1)
        energy = bands.half().pow(2).sum(-1)  # fault
        # fixed: energy = bands.pow(2).sum(-1)
        level = torch.log(energy.float() + 1.0)
        return (level - 12.0) / 2.0


train_loader = DataLoader(frames(600), batch_size=30, shuffle=True)
val_loader = DataLoader(frames(200), batch_size=100)
model = nn.Sequential(BandEnergy(), nn.Linear(BANDS, 32), nn.ReLU(), nn.Linear(32, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        for wave, knock in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(wave), knock)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print(f"loss {loss.item():.3f} acc {right / 200:.3f}")


if __name__ == "__main__":
    train()
