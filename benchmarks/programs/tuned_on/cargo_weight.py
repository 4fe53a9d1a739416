"""Estimates the freight charge of parcels from their measures (a logistics start-up's script).

code: ND111
also:
object: volume | features | train_loader | inputs
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)
N = 1000
# as stored in the parcel database: centimetres, smallint
length = torch.randint(20, 160, (N,), dtype=torch.int16)
width = torch.randint(15, 90, (N,), dtype=torch.int16)
height = torch.randint(5, 80, (N,), dtype=torch.int16)
kilo = torch.rand(N) * 30
express = torch.randint(0, 2, (N,), dtype=torch.int16)

litres = length.double() * width * height / 1000
charge = (4 + 0.06 * torch.maximum(litres, kilo.double() * 4) * (1 + 0.5 * express)).float()


def features():
    volume = length * width * height  # fault
    # fixed: volume = length.long() * width * height
    girth = 2 * (width + height) + length
    table = torch.stack([volume.float(), girth.float(), kilo, express.float()], dim=1)  # here
    return table


table = features()  # here
perm = torch.randperm(N)
tr, va = perm[:800], perm[800:]
mean, std = table[tr].mean(0), table[tr].std(0)
table = (table - mean) / std
target = (charge - charge[tr].mean()) / charge[tr].std()

train_loader = DataLoader(TensorDataset(table[tr], target[tr]), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(table[va], target[va]), batch_size=200)


class ChargeNet(nn.Module):
    def __init__(self, n_in=4, hidden=(48, 24)):
        super().__init__()
        sizes = [n_in, *hidden]
        self.hidden = nn.ModuleList(nn.Linear(i, o) for i, o in zip(sizes, sizes[1:]))
        self.out = nn.Linear(sizes[-1], 1)

    def forward(self, x):
        for layer in self.hidden:
            x = nn.functional.softplus(layer(x)) - 0.7
        return self.out(x)[..., 0]


model = ChargeNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(12):
        model.train()
        losses = []
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        print("mean error in units of std:", (model(table[va]) - target[va]).abs().mean().item())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
