"""Tunes an elevator controller by back-propagating through a simulated ride.

code: ND503
also: ND202, ND406
object: kp | controller | STIFF | ride
seen: checkup
"""
import torch
from torch import nn

torch.manual_seed(90)
DT, HORIZON = 0.1, 60


class Controller(nn.Module):
    """PD terms plus a small correction network; all of it is tuned."""

    def __init__(self):
        super().__init__()
        self.kp = nn.Parameter(torch.tensor(370.0))  # fault
        # fixed: self.kp = nn.Parameter(torch.tensor(1.0))
        self.kd = nn.Parameter(torch.tensor(1.5))
        self.fine = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, gap, speed, load):
        fine = self.fine(torch.stack([gap, speed, load], -1)).squeeze(-1)
        return self.kp * gap - self.kd * speed + 0.1 * fine


def ride(controller, start, load):
    place, speed, cost = start, torch.zeros_like(start), 0.0
    for _ in range(HORIZON):
        force = controller(-place, speed, load)
        speed = speed + DT * (force - 0.2 * speed) / (1 + 0.02 * load)  # here
        place = place + DT * speed
        cost = cost + DT * (place ** 2 + 0.01 * force ** 2)
    return cost


def batch_loss(setup, batch):
    start, load = batch
    return ride(setup.model, start, load).mean()  # here


model = Controller()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
rides = torch.utils.data.TensorDataset(torch.randn(320), torch.rand(320))
train_loader = torch.utils.data.DataLoader(rides, batch_size=32, shuffle=True)


class Lab:
    def __init__(self, model, optimizer):
        self.model, self.optimizer, self.costs = model, optimizer, []

    def tune(self, epochs):
        for epoch in range(epochs):
            for batch in train_loader:
                loss = batch_loss(self, batch)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.costs.append(loss.item())
            print(epoch, self.costs[-1], self.model.kp.item(), self.model.kp.grad.item())
        return self.costs[-1]


def train():
    return Lab(model, optimizer).tune(6)


if __name__ == "__main__":
    print(train())
