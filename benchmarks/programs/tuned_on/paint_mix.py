"""Lab colour of a paint from the shares of its five pigments.

code: ND706
also: ND604
object: optimizer | lr | momentum
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)


def mixes(n):
    shares = torch.distributions.Dirichlet(torch.full((5,), 0.8)).sample((n,))
    absorb = torch.tensor([[0.1, 0.2, 0.1], [2.0, 0.3, 0.4], [0.3, 1.8, 0.5], [0.6, 0.4, 2.2], [2.5, 2.4, 2.3]])
    reflect = torch.exp(-2 * shares @ absorb)
    lab = torch.stack([reflect.mean(1), reflect[:, 0] - reflect[:, 1], reflect[:, 1] - reflect[:, 2]], 1)
    return shares, lab + 0.005 * torch.randn(n, 3)


shares, lab = mixes(1000)
shares = (shares - shares[:800].mean(0)) / shares[:800].std(0)
lab = (lab - lab[:800].mean(0)) / lab[:800].std(0)
train_loader = DataLoader(TensorDataset(shares[:800], lab[:800]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(shares[800:], lab[800:]), batch_size=200)


class Pigments(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Linear(5, 64), nn.Linear(64, 64), nn.Linear(64, 3)

    def forward(self, x):
        return self.l3(F.relu(self.l2(F.relu(self.l1(x)))))


model = Pigments()
loss_fn = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.97)  # fault
# fixed: optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    curve = []
    for epoch in range(16):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()  # here
            total += loss.item()
        model.eval()
        with torch.no_grad():
            curve.append(sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader))
        print(f"{epoch:2d} train {total / len(train_loader):.4f} val {curve[-1]:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
