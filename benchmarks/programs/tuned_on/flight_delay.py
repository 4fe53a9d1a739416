"""Three times of a flight at once: taxi-out, departure delay and arrival delay.

code: ND112
also:
object: SCALE | arrival | column 2 | targets | y
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(19)
SCALE = {
    "taxi_out": (900.0, 240.0),
    "departure": (600.0, 500.0),
    "arrival": (480.0, 10.0),  # fault
    # fixed: "arrival": (480.0, 540.0),
}


def schedule(n=1500):
    hour = 24 * torch.rand(n)
    wind, rain, queue = torch.randn(n), torch.rand(n), torch.randn(n)
    inbound = torch.randn(n)
    carrier = torch.randint(0, 6, (n,))
    grade = torch.linspace(-1, 1, 6)[carrier]
    taxi = 900 + 160 * queue + 120 * (rain - .5) + 80 * torch.sin(hour / 24 * 6.2832) + 60 * torch.randn(n)
    dep = 600 + 380 * inbound + 160 * grade + 150 * rain + 100 * torch.randn(n)
    arr = dep - 150 + 170 * wind + 80 * torch.randn(n)
    x = torch.stack([torch.sin(hour / 24 * 6.2832), torch.cos(hour / 24 * 6.2832), wind, (rain - .5) * 3.46, queue, inbound], 1)
    return x, carrier, torch.stack([taxi, dep, arr], 1)


def scaled(seconds):
    """Targets in seconds -> what the network predicts."""
    columns = [(seconds[:, j] - centre) / spread for j, (centre, spread) in enumerate(SCALE.values())]
    return torch.stack(columns, 1)


x, carrier, seconds = schedule()
flights = TensorDataset(x, carrier, scaled(seconds))  # here
train_set, val_set = random_split(flights, [1200, 300])
train_loader = DataLoader(train_set, batch_size=60, shuffle=True)
val_loader = DataLoader(val_set, batch_size=150)


class ThreeHeads(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.carrier = nn.Embedding(6, 4)
        self.trunk = nn.Sequential(nn.Linear(10, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(h, 1) for name in SCALE})

    def forward(self, x, carrier):
        h = self.trunk(torch.cat([x, self.carrier(carrier)], 1))
        return torch.cat([head(h) for head in self.heads.values()], 1)


model = ThreeHeads()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    x, carrier, y = batch
    return loss_fn(setup.model(x, carrier), y)


def train():
    for epoch in range(10):
        model.train()
        kept = []
        for x, c, y in train_loader:
            loss = loss_fn(model(x, c), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            kept.append(loss.item())
        model.eval()
        with torch.no_grad():
            errors = torch.cat([(model(x, c) - y) ** 2 for x, c, y in val_loader]).mean(0)
    print("val per target", errors.tolist())
    return sum(kept) / len(kept)


if __name__ == "__main__":
    print(train())
