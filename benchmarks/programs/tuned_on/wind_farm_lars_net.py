"""Power of a wind farm from eight weather columns, trained with layer-wise trust ratios (LARS).

code: ND709
also:
object: LARS | trust | optimizer
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class LARS(torch.optim.Optimizer):
    def __init__(self, params, lr, trust_coef=0.02):
        super().__init__(params, {"lr": lr, "trust_coef": trust_coef})

    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            for p in g["params"]:
                update = p.grad
                w, u = p.norm(), update.norm()
                trust = g["trust_coef"] * w / u  # fault
                # fixed: trust = g["trust_coef"] * w / u if w > 0 and u > 0 else torch.tensor(g["trust_coef"])
                p.sub_(g["lr"] * trust * update)  # here


class Farm(nn.Module):
    """The residual branch starts as nothing: its last layer is zero, as in many residual nets."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(8, 48), nn.ReLU())
        self.branch = nn.Sequential(nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 48))
        self.out = nn.Linear(48, 1)
        nn.init.zeros_(self.branch[2].weight)
        nn.init.zeros_(self.branch[2].bias)

    def forward(self, x):
        h = self.trunk(x)
        return self.out(h + self.branch(h))


torch.manual_seed(149)
weather = torch.randn(1300, 8)
power = torch.relu(weather[:, :1]) ** 1.5 + 0.5 * weather[:, 1:2] * weather[:, 2:3] + 0.05 * torch.randn(1300, 1)
power = (power - power.mean()) / power.std()
train_loader = DataLoader(TensorDataset(weather[:1000], power[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(weather[1000:], power[1000:]), batch_size=300)
model = Farm()
loss_fn = nn.MSELoss()
optimizer = LARS(model.parameters(), lr=1.0)


def train():
    model.train()
    for epoch in range(15):
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()


if __name__ == "__main__":
    train()
