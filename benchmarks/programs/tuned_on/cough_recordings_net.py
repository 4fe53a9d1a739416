"""Dry or wet cough? Each recording gives five noisy crops for a convolution net.

code: ND105
also:
object: crops | order | random_split | val_loader | split | train_set
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(99)
T, CROPS = 40, 5


def record(n):
    """n recordings -> (n, CROPS, T); whether wet is only faintly audible, the voice is loud."""
    wet = torch.randint(0, 2, (n,))
    voice = torch.randn(n, 1, T)
    t = torch.linspace(0, 6.28, T)
    cough = 0.32 * (2.0 * wet.float() - 1).view(n, 1, 1) * torch.sin(2 * t)
    return voice + cough + 0.05 * torch.randn(n, CROPS, T), wet.unsqueeze(1).repeat(1, CROPS)


waves, wet = record(240)
crops = TensorDataset(waves.reshape(-1, T), wet.reshape(-1))
train_set, val_set = random_split(crops, [960, 240])  # fault
# fixed: train_set = TensorDataset(waves[:192].reshape(-1, T), wet[:192].reshape(-1))
# fixed: val_set = TensorDataset(waves[192:].reshape(-1, T), wet[192:].reshape(-1))
train_loader = DataLoader(train_set, batch_size=24, shuffle=True)
val_loader = DataLoader(val_set, batch_size=240)
later_waves, later_wet = record(200)

model = nn.Sequential(nn.Linear(T, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        val = (model(x).argmax(1) == y).float().mean().item()
        new = (model(later_waves[:, 0]).argmax(1) == later_wet[:, 0]).float().mean().item()
    print(f"val {val:.3f}, new people {new:.3f}")


if __name__ == "__main__":
    train()
