"""Deep & cross network for the fuel consumption of delivery vans.

code: ND206
also: ND501
object: cross | cross.w | cross.b | c
seen: both
"""
import torch, math
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(66)
N, D = 1500, 9
vans = torch.randn(N, D)
fuel = vans[:, 0] * vans[:, 1] + 0.8 * vans[:, 2] * vans[:, 3] - vans[:, 4] + 0.5 * torch.sin(2 * vans[:, 5]) + 0.1 * torch.randn(N)
fuel = ((fuel - fuel[:1200].mean()) / fuel[:1200].std()).unsqueeze(1)
train_loader = DataLoader(TensorDataset(vans[:1200], fuel[:1200]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(vans[1200:], fuel[1200:]), batch_size=150)


class CrossTower(nn.Module):
    def __init__(self, d, depth):
        super().__init__()
        self.w = nn.Parameter(torch.randn(depth, d, d) / math.sqrt(d))
        self.b = nn.Parameter(torch.zeros(depth, d))

    def forward(self, x0):
        x = x0
        for w, b in zip(self.w, self.b):
            x = x0 * (x @ w + b) + x
        return x


class DeepCross(nn.Module):
    def __init__(self):
        super().__init__()
        self.cross = CrossTower(D, 2)  # here
        self.deep = nn.Sequential(nn.Linear(D, D), nn.Mish(), nn.Linear(D, D), nn.Mish())
        self.out = nn.Linear(2 * D, 1)

    def forward(self, x):
        c = self.cross(x)  # here
        d = self.deep(x)
        return self.out(torch.cat([d, d], dim=1))  # fault
        # fixed: return self.out(torch.cat([c, d], dim=1))


model = DeepCross()
loss_fn = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=4e-3)


def train():
    curve = []
    for epoch in range(14):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            curve.append(float(loss.detach()))
        model.eval()
        with torch.no_grad():
            rmse = math.sqrt(sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader))
    return sum(curve[-25:]) / 25


if __name__ == "__main__":
    print(train())
