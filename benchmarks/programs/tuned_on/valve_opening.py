"""Opening of a control valve in [0, 1] from loop signals; hidden layer of soft switches.

code: ND307
also: ND502
object: switch | switches | Switch | Switch.steepness | switches.lin
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Loop(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.sig = torch.randn(n, 7, generator=g)
        self.opening = torch.sigmoid(self.sig[:, 0] * self.sig[:, 1] + self.sig[:, 2] - 0.5 * self.sig[:, 3])

    def __len__(self):
        return self.sig.shape[0]

    def __getitem__(self, i):
        return self.sig[i], self.opening[i]


class Switch(nn.Module):
    steepness = 250.0  # fault
    # fixed: steepness = 2.5

    def __init__(self, d_in, d_out):
        super().__init__()
        self.lin = nn.Linear(d_in, d_out)

    def forward(self, x):
        return torch.sigmoid(self.steepness * self.lin(x))  # here


class Valve(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.switches = nn.Sequential(Switch(7, width), Switch(width, width))  # here
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        return torch.sigmoid(self.out(self.switches(x))).squeeze(-1)


torch.manual_seed(91)
train_loader = DataLoader(Loop(800, 0), batch_size=50, shuffle=True)
val_loader = DataLoader(Loop(200, 1), batch_size=200)
model = Valve()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for _ in range(12):
        model.train()
        s = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            [loss_fn(model(x), y) for x, y in val_loader]
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
