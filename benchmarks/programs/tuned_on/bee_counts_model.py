"""Number of bees at a hive entrance per hour, Poisson regression with a hand-written Adam.

code: ND709
also:
object: t | HandAdam | optimizer | step
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class HandAdam(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8):
        super().__init__(params, dict(lr=lr, b1=b1, b2=b2, eps=eps))
        self.t = 0  # fault
        # fixed: self.t = 1

    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            b1, b2 = g["b1"], g["b2"]
            for p in g["params"]:
                st = self.state[p]
                if "m" not in st:
                    st["m"], st["v"] = torch.zeros_like(p), torch.zeros_like(p)
                st["m"].lerp_(p.grad, 1 - b1)
                st["v"].lerp_(p.grad.square(), 1 - b2)
                m = st["m"] / (1 - b1**self.t)  # here
                v = st["v"] / (1 - b2**self.t)
                p.sub_(g["lr"] * m / (v.sqrt() + g["eps"]))
        self.t += 1


rng = np.random.default_rng(151)
x = rng.normal(size=(1400, 6))
rate = np.exp(0.8 + 0.5 * np.sin(2 * x[:, 0]) + 0.4 * x[:, 1] - 0.3 * x[:, 2])
bees = rng.poisson(rate)
x, bees = torch.tensor(x).float(), torch.tensor(bees).float().unsqueeze(1)
train_loader = DataLoader(TensorDataset(x[:1100], bees[:1100]), batch_size=44, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1100:], bees[1100:]), batch_size=300)
torch.manual_seed(151)
model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1))
loss_fn = nn.PoissonNLLLoss(log_input=True)
optimizer = HandAdam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    with torch.no_grad():
        print("val", [loss_fn(model(a), b).item() for a, b in val_loader])


if __name__ == "__main__":
    train()
