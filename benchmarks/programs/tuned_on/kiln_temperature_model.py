"""Predict the hardness of fired tiles from the kiln's readings.

code: ND605
also:
object: optimizer | lr | Adam
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

g = torch.Generator().manual_seed(2)
torch.manual_seed(2)
peak = 1000 + 80 * torch.randn(900, generator=g)
hold = 40 + 10 * torch.randn(900, generator=g)
clay = torch.rand(900, generator=g)
moist = 0.1 * torch.rand(900, generator=g)
hard = 5 + (peak - 1000) / 80 + 0.06 * (hold - 40) * (1 + clay) - 12 * moist
hard = hard + 0.2 * torch.randn(900, generator=g)

x = torch.stack([peak, hold, clay, moist], 1)
x = (x - x.mean(0)) / x.std(0)
y = ((hard - hard.mean()) / hard.std()).unsqueeze(1)
train_set, val_set = random_split(TensorDataset(x, y), [720, 180], generator=g)
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=90)

model = nn.Sequential(nn.Linear(4, 40), nn.Tanh(), nn.Linear(40, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-7)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(15):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()  # here
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(xb), yb).item() for xb, yb in val_loader) / len(val_loader)
    print("val mse", round(val, 4))


if __name__ == "__main__":
    train()
