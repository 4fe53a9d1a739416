"""How many days will a library book be out? A small regressor with its own linear layer.

code: ND201
also: ND307 | ND501
object: Affine | weight | zeros | w
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(61)
torch.manual_seed(61)


class Loans(Dataset):
    mean, std = 14.0, 5.0

    def __init__(self, n):
        pages, age, queue = rng.normal(size=n), rng.normal(size=n), rng.normal(size=n)
        days = 14 + 4 * np.tanh(pages * 2) + 3 * np.abs(age) * (queue > 0) - 2 + rng.normal(0, 0.5, n)
        self.x = torch.tensor(np.stack([pages, age, queue], 1)).float()
        self.y = torch.tensor((days - self.mean) / self.std).float().unsqueeze(1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Affine(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(n_in, n_out))  # fault
        # fixed: self.w = nn.Parameter(torch.randn(n_in, n_out) * (2 / n_in) ** 0.5)
        self.b = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return torch.addmm(self.b, x, self.w)


train_loader = DataLoader(Loans(1000), batch_size=50, shuffle=True)
val_loader = DataLoader(Loans(300), batch_size=100)
model = nn.Sequential(Affine(3, 32), nn.ReLU(), Affine(32, 32), nn.ReLU(), Affine(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


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
        print("val mse", round(sum(loss_fn(model(x), y).item() for x, y in val_loader) / 3, 4))


if __name__ == "__main__":
    train()
