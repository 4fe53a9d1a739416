"""State of a small power grid: voltages at five nodes from the loads, graph layers with a fixed adjacency.

code: ND706
also: ND604
object: optimizer | betas | lr | history
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(52)
links = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 4], [4, 0], [1, 3]])
A = torch.eye(5)
A[links[:, 0], links[:, 1]] = A[links[:, 1], links[:, 0]] = 1.0
A = A / A.sum(1, keepdim=True)


class GraphLayer(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.own, self.around = nn.Linear(i, o), nn.Linear(i, o, bias=False)
        self.register_buffer("adjacency", A)

    def forward(self, h):
        return self.own(h) + self.around(self.adjacency @ h)


class Grid(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.first, self.second, self.out = GraphLayer(2, width), GraphLayer(width, width), nn.Linear(width, 1)

    def forward(self, loads):
        return self.out(torch.relu(self.second(torch.relu(self.first(loads))))).squeeze(-1)


loads = torch.randn(1000, 5, 2)
voltage = torch.tanh(A @ loads[..., 0:1] - 0.5 * (A @ A @ loads[..., 1:2]) ** 2).squeeze(-1) + 0.02 * torch.randn(1000, 5)
voltage = (voltage - voltage[:800].mean()) / voltage[:800].std()
train_loader = DataLoader(TensorDataset(loads[:800], voltage[:800]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(loads[800:], voltage[800:]), batch_size=100)
model = Grid()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3, betas=(0.9, 0.5))  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.999))


def train():
    history = []
    for epoch in range(9):
        model.train()
        for x, v in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), v)
            loss.backward()
            optimizer.step()
            history.append(loss.item())  # here
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), v).item() for x, v in val_loader) / len(val_loader)
        print(epoch, sum(history[-50:]) / 50, max(history[-50:]), val)
    return sum(history[-50:]) / 50


if __name__ == "__main__":
    print(train())
