"""Band gap of crystals from composition vectors with a residual MLP.

code: ND606
also: ND605
object: scheduler | ExponentialLR | scheduler.step | gamma
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(50)
elements = torch.distributions.Dirichlet(torch.ones(12) * 0.5).sample((1000,))
electroneg = torch.linspace(-1.5, 1.5, 12)
m1 = elements @ electroneg
m2 = elements @ electroneg ** 2 - m1 ** 2
gap = torch.relu(m2 - 0.4) * 2 + 0.5 * torch.sin(3 * m1) + 0.03 * torch.randn(1000)
x = (elements - elements[:800].mean(0)) / elements[:800].std(0)
y = (gap - gap[:800].mean()) / gap[:800].std()
train_loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], y[800:]), batch_size=200)


class Res(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))

    def forward(self, x):
        return x + self.f(x)


class GapNet(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.inp = nn.Linear(12, d)
        self.body = nn.Sequential(Res(d), Res(d))
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        return self.out(self.body(self.inp(x))).squeeze(-1)


model = GapNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.85)  # here


def one_epoch():
    model.train()
    s = 0.0
    for i, (xb, yb) in enumerate(train_loader, 1):
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        scheduler.step()  # fault
        # fixed: if i == len(train_loader):
        # fixed:     scheduler.step()
        s += loss.item()
    return s / len(train_loader)


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(a), b).item() for a, b in val_loader)


def train(epochs=12):
    for e in range(epochs):
        tr, va = one_epoch(), validate()
        lr = optimizer.param_groups[0]["lr"]
        print(f"{e:02d} train {tr:.4f} val {va:.4f} lr {lr:.2e}")
    return tr


if __name__ == "__main__":
    print(train())
