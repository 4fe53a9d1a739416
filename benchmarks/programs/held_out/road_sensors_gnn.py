"""Speed at road sensors in ten minutes: messages along a fixed road graph, one weight matrix per direction.

code: ND203
also: ND601
object: messages | RoadLayer.messages | layers.0.messages | layers.1.messages
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(63)
NODES = 14
upstream = torch.zeros(NODES, NODES)
for node in range(1, NODES):
    upstream[node, node - 1] = 1.0
upstream[7, 2] = upstream[11, 4] = 1.0
upstream = upstream / upstream.sum(1, keepdim=True).clamp(min=1)
downstream = upstream.T / upstream.T.sum(1, keepdim=True).clamp(min=1)


def traffic(n):
    speed, density = torch.randn(n, NODES, 1), torch.randn(n, NODES, 1)
    later = 0.5 * speed + 0.7 * torch.tanh(upstream @ speed) - 0.8 * torch.relu(downstream @ density) + 0.1 * torch.randn(n, NODES, 1)
    return torch.cat([speed, density], -1), later


class RoadLayer(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.own = nn.Linear(a, b)
        self.messages = nn.Linear(a, b, bias=False), nn.Linear(a, b, bias=False)  # fault
        # fixed: self.messages = nn.ModuleList([nn.Linear(a, b, bias=False), nn.Linear(a, b, bias=False)])

    def forward(self, h):
        up, down = self.messages  # here
        return self.own(h) + up(upstream @ h) + down(downstream @ h)


class RoadNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.layers = nn.ModuleList([RoadLayer(2, width), RoadLayer(width, width)])
        self.head = nn.Linear(width, 1)

    def forward(self, h):
        for layer in self.layers:
            h = torch.relu(layer(h))
        return self.head(h)


x, y = traffic(900)
y = (y - y[:720].mean()) / y[:720].std()
train_loader = DataLoader(TensorDataset(x[:720], y[:720]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(x[720:], y[720:]), batch_size=90)
model = RoadNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)  # here
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for h, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(h), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(h), t).item() for h, t in val_loader) / len(val_loader)
        scheduler.step(val)
        print(epoch, sum(losses) / len(losses), val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
