"""Autoencoder for one heartbeat (48 samples), standardised; reconstruction error marks odd beats.

code: ND305
also:
object: decoder | Sigmoid | decoder.2
seen: checkup
"""
import math
import torch
from torch import nn

torch.manual_seed(4)


def beats(n):
    t = torch.linspace(0, 1, 48)
    centre = 0.4 + 0.2 * torch.rand(n, 1)
    width = 0.03 + 0.03 * torch.rand(n, 1)
    amp = 0.8 + 0.4 * torch.rand(n, 1)
    r = amp * torch.exp(-0.5 * ((t - centre) / width) ** 2)
    p = 0.25 * torch.exp(-0.5 * ((t - centre + 0.2) / 0.05) ** 2)
    w = 0.35 * torch.exp(-0.5 * ((t - centre - 0.25) / 0.07) ** 2)
    return r + p + w - 0.2 * torch.cos(2 * math.pi * t) + 0.02 * torch.randn(n, 48)


raw = beats(900)
m, s = raw[:700].mean(), raw[:700].std()
standard = (raw - m) / s
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(standard[:700], standard[:700]), batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(standard[700:], standard[700:]), batch_size=100)


class BeatAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(48, 32), nn.ELU(), nn.Linear(32, 6))
        self.decoder = nn.Sequential(
            nn.Linear(6, 32), nn.ELU(),
            nn.Linear(32, 48), nn.Sigmoid())  # fault
            # fixed: nn.Linear(32, 48))

    def forward(self, beat):
        return self.decoder(self.encoder(beat))  # here


model = BeatAE()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    curve = []
    for epoch in range(20):
        model.train()
        for beat, same in train_loader:
            loss = loss_fn(model(beat), same)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
    model.eval()
    with torch.no_grad():
        errors = torch.cat([(model(b) - b).pow(2).mean(1) for b, _ in val_loader])
    print("validation error: median", errors.median().item(), "95 %", errors.quantile(0.95).item())
    return sum(curve[-14:]) / 14


if __name__ == "__main__":
    print(train())
