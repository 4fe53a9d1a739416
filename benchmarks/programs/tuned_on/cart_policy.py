"""Steers a drifting cart: policy gradient on a cost (not a reward), so nothing is negated.

code: none
trait: policy loss without a minus because costs are minimised, no validation, loss hovers around zero, entropy bonus
"""
import torch
from torch import nn
from torch.distributions import Categorical
from torch.utils.data import DataLoader, TensorDataset

HORIZON = 12


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 3))

    def forward(self, state):
        return Categorical(logits=self.net(state))


def episode(actor, start):
    """Push left, wait, push right; the cost of a step is the distance from the middle."""
    state, logps, costs, ents = start, [], [], []
    for _ in range(HORIZON):
        dist = actor(state)
        act = dist.sample()
        logps.append(dist.log_prob(act))
        ents.append(dist.entropy())
        vel = 0.8 * state[:, 1] + 0.3 * (act - 1).float()
        pos = state[:, 0] + 0.4 * vel
        state = torch.stack([pos, vel], 1)
        costs.append(pos.abs())
    cost = torch.stack(costs)
    to_go = cost.flip(0).cumsum(0).flip(0)
    return torch.stack(logps), to_go, torch.stack(ents), cost.mean()


def surrogate(actor, start):
    logp, to_go, ent, mean_cost = episode(actor, start)
    adv = (to_go - to_go.mean(1, keepdim=True)) / (to_go.std(1, keepdim=True) + 1e-6)
    return (logp * adv).mean() - 0.005 * ent.mean(), mean_cost


def batch_loss(setup, batch):
    return surrogate(setup.model, batch[0])[0]


torch.manual_seed(77)
starts = torch.randn(1280, 2) * torch.tensor([1.0, 0.5])
train_loader = DataLoader(TensorDataset(starts), batch_size=64, shuffle=True)
model = Actor()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    track = []
    for epoch in range(6):
        for (s,) in train_loader:
            loss, cost = surrogate(model, s)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            track.append(cost.item())
        print(epoch, "mean distance", sum(track[-20:]) / 20)
    return sum(track[-20:]) / 20


if __name__ == "__main__":
    print(train())
