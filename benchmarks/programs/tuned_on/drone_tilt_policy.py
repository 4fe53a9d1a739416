"""A policy for the tilt of a drone in gusts, trained through a differentiable model of the flight.

code: ND205
also:
object: policy | policy.0 | policy.2 | policy.4 | build_policy | layers
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def build_policy(sizes, drop):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers += [nn.Linear(a, b), nn.Dropout(drop)]  # fault
        # fixed: layers += [nn.Linear(a, b), nn.Tanh(), nn.Dropout(drop)]
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)  # here


def flight_cost(tilt, state):
    """Where does the drone end up? Drag grows with the square of the gust."""
    gust, speed, offset = state[:, 0:2], state[:, 2:4], state[:, 4:6]
    drag = 0.4 * gust * gust.abs()
    force = torch.sin(0.8 * tilt) - drag
    end = offset + 0.5 * speed + 0.5 * force
    return (end ** 2).sum(1).mean() + 0.002 * (tilt ** 2).sum(1).mean()


torch.manual_seed(404)
states = torch.cat([torch.randn(2500, 2), 0.4 * torch.randn(2500, 2), 0.3 * torch.randn(2500, 2)], 1)
states[:, 2:] = states[:, 2:].clamp(-1, 1)
scale = torch.tensor([1.0, 1.0, 0.4, 0.4, 0.3, 0.3])
train_loader = DataLoader(TensorDataset(states[:2000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(states[2000:]), batch_size=250)


class TiltPolicy(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", scale)
        self.policy = build_policy([6, 48, 48, 2], drop=0.02)  # here

    def forward(self, state):
        return self.policy(state / self.scale)


model = TiltPolicy()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    (state,) = batch
    return flight_cost(setup.model(state), state)


def train():
    for iteration in range(8):
        model.train()
        costs = []
        for (state,) in train_loader:
            cost = flight_cost(model(state), state)
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            costs.append(cost.item())
        model.eval()
        with torch.no_grad():
            test = sum(flight_cost(model(s), s).item() for (s,) in val_loader) / 2
        print(f"iteration {iteration}: cost {sum(costs) / len(costs):.4f}, new gusts {test:.4f}")
    return sum(costs) / len(costs)


if __name__ == "__main__":
    print(train())
