"""House prices from a table prepared in NumPy (two targets: price and rent).

code: ND312
also:
object: Houses | __getitem__ | dtype | float64 | x
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split


class Houses(Dataset):
    def __init__(self, n=600, seed=0):
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=(n, 9))
        price = np.maximum(self.x[:, 0], 0) + 0.5 * self.x[:, 1] + 0.2 * self.x[:, 2] * self.x[:, 3]
        rent = 0.7 * price + 0.3 * self.x[:, 4]
        self.y = np.stack([price, rent], 1).astype("float32")
        self.y = (self.y - self.y[:480].mean(0)) / self.y[:480].std(0)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), torch.from_numpy(self.y[i])  # fault
        # fixed: return torch.from_numpy(self.x[i]).float(), torch.from_numpy(self.y[i])


class Prices(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = nn.Linear(9, 2)
        self.deep = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        return self.wide(x) + self.deep(x)  # here


torch.manual_seed(0)
houses = Houses()
tr, va = torch.utils.data.Subset(houses, range(480)), torch.utils.data.Subset(houses, range(480, 600))
train_loader = DataLoader(tr, batch_size=32, shuffle=True)
val_loader = DataLoader(va, batch_size=120)
model = Prices()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
