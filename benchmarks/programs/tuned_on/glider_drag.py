"""Does a glider stall? A highway network on wing angle, speed and gusts.

code: ND307
also:
object: gate | gates | bias | fill_ | Highway | carry
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(18)


class Flights(Dataset):
    def __init__(self, n):
        self.air = torch.randn(n, 4)
        angle, speed, gust, load = self.air.unbind(1)
        lift = angle * speed + torch.sin(2 * gust) * load
        self.stalls = (lift > 0.0).float()

    def __len__(self):
        return len(self.air)

    def __getitem__(self, i):
        return self.air[i], self.stalls[i]


class Highway(nn.Module):
    """y = t * H(x) + (1 - t) * x, the gate t leaning to 'carry' at the start"""

    def __init__(self, size, depth):
        super().__init__()
        self.transform = nn.ModuleList([nn.Linear(size, size) for _ in range(depth)])
        self.gates = nn.ModuleList([nn.Linear(size, size) for _ in range(depth)])
        for gate in self.gates:
            gate.bias.data.fill_(-30.0)  # fault
            # fixed: gate.bias.data.fill_(-1.0)

    def forward(self, x):
        for transform, gate in zip(self.transform, self.gates):
            t = torch.sigmoid(gate(x))
            x = t * torch.relu(transform(x)) + (1 - t) * x
        return x


class Glider(nn.Module):
    def __init__(self, size=40, depth=3):
        super().__init__()
        self.enter = nn.Linear(4, size)
        self.highway = Highway(size, depth)
        self.leave = nn.Linear(size, 1)

    def forward(self, air):
        return self.leave(self.highway(self.enter(air))).squeeze(-1)


train_loader = DataLoader(Flights(1000), batch_size=40, shuffle=True)
val_loader = DataLoader(Flights(400), batch_size=400)
model = Glider()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train(epochs=14):
    for _ in range(epochs):
        model.train()
        for air, stall in train_loader:
            optimizer.zero_grad()
            loss_fn(model(air), stall).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        air, stall = next(iter(val_loader))
        print("val accuracy", ((model(air) > 0) == (stall > 0.5)).float().mean().item())


if __name__ == "__main__":
    train()
