"""Monthly loans of library branches: a table with branch embeddings, small batches gathered into big ones.

code: ND603
also: ND604, ND405
object: backward | loss | ACCUMULATE | accumulate | train_epoch
seen: watch
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ACCUMULATE = 16
torch.manual_seed(44)
n = 1536
branch = torch.randint(0, 15, (n,))
month = torch.randint(0, 12, (n,))
extra = torch.randn(n, 3)
size = torch.randn(15)
loans = size[branch] + 0.7 * torch.sin(month * math.pi / 6) * (1 + 0.5 * size[branch]) + extra @ torch.tensor([0.4, -0.3, 0.2]) + 0.1 * torch.randn(n)
loans = (loans - loans.mean()) / loans.std()
season = torch.stack([torch.sin(month * math.pi / 6), torch.cos(month * math.pi / 6)], 1)
tab = TensorDataset(branch, torch.cat([season, extra], 1), loans)
fit_part, hold_part = torch.utils.data.random_split(tab, [1280, 256], torch.Generator().manual_seed(0))
train_loader = DataLoader(fit_part, batch_size=8, shuffle=True)
val_loader = DataLoader(hold_part, batch_size=128)


class LoanNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch = nn.Embedding(15, 6)
        self.mlp = nn.Sequential(nn.Linear(11, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, b, z):
        return self.mlp(torch.cat([self.branch(b), z], 1)).squeeze(1)


model = LoanNet()
mse = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.04, momentum=0.9)


def batch_loss(setup, batch):
    b, z, y = batch
    return mse(setup.model(b, z), y)


def train_epoch():
    model.train()
    total = 0.0
    for k, (b, z, y) in enumerate(train_loader, start=1):
        loss = mse(model(b, z), y)
        loss.backward()  # fault
        # fixed: (loss / ACCUMULATE).backward()
        if k % ACCUMULATE == 0:
            optimizer.step()  # here
            optimizer.zero_grad()
        total += loss.item()
    return total / k


def train():
    for epoch in range(10):
        tr = train_epoch()
        model.eval()
        with torch.no_grad():
            va = sum(mse(model(b, z), y).item() for b, z, y in val_loader) / len(val_loader)
        print(f"{epoch:2d} {tr:.4f} {va:.4f}")
    return tr


if __name__ == "__main__":
    print(train())
