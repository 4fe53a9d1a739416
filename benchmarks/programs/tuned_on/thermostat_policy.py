"""Behaviour cloning of a thermostat: actor plus a learned log-variance kept outside of the actor.

code: ND601
also:
object: log_std | noise | optimizer | Gaussian
seen: both
"""
import itertools
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(29)
obs = torch.randn(700, 6)
heat = torch.tanh(obs[:, :1] - .5 * obs[:, 1:2]) + .05 * torch.randn(700, 1)
fan = .5 * obs[:, 2:3] * obs[:, 3:4].sign() + .3 * torch.randn(700, 1)
clip = TensorDataset(obs, torch.cat([heat, fan], 1))
train_loader = DataLoader(torch.utils.data.Subset(clip, range(560)), batch_size=40, shuffle=True)
val_loader = DataLoader(torch.utils.data.Subset(clip, range(560, 700)), batch_size=70)


class Gaussian(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.log_std = nn.Parameter(torch.zeros(n))  # here

    def forward(self, mean):
        return torch.distributions.Normal(mean, self.log_std.exp())


actor = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 2))
model = nn.ModuleDict({"actor": actor, "noise": Gaussian(2)})  # here


def make_optimizer(name="adam"):
    parts = ["actor"]  # fault
    # fixed: parts = ["actor", "noise"]
    params = itertools.chain(*(model[p].parameters() for p in parts))
    return {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[name](params, lr=3e-3)  # here


optimizer = make_optimizer()  # here


def batch_loss(setup, batch):
    o, a = batch
    return -setup.model["noise"](setup.model["actor"](o)).log_prob(a).sum(-1).mean()


def train():
    class setup: pass
    setup.model = model
    for epoch in range(12):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
