"""Speeds on a road graph one step ahead: spatial mixing by the adjacency, then a temporal GRU.

code: ND601
also: ND602
object: temporal | temporal.weight_ih_l0 | temporal.weight_hh_l0 | temporal.bias_ih_l0 | temporal.bias_hh_l0 | optimizer | param_groups
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(27)
NODES, STEPS = 12, 8
edge = (torch.rand(NODES, NODES) < 0.25).float()
adj = ((edge + edge.T + torch.eye(NODES)) > 0).float()
adj = adj / adj.sum(1, keepdim=True)


def roll_out(n):
    v = torch.randn(n, NODES)
    frames = [v]
    prev = torch.zeros_like(v)
    for _ in range(STEPS):
        nxt = 1.2 * (v @ adj.T) + 0.6 * (v - prev) - 0.25 * v
        prev, v = v, torch.tanh(nxt) + 0.05 * torch.randn(n, NODES)
        frames.append(v)
    seq = torch.stack(frames, 1)
    return seq[:, :-1], seq[:, -1]


x, y = roll_out(900)
x = (x - x[:700].mean()) / x[:700].std()
y = (y - y[:700].mean()) / y[:700].std()
train_loader = DataLoader(TensorDataset(x[:700], y[:700]), batch_size=35, shuffle=True)
val_loader = DataLoader(TensorDataset(x[700:], y[700:]), batch_size=100)


class RoadNet(nn.Module):
    def __init__(self, h=16):
        super().__init__()
        self.register_buffer("adj", adj)
        self.spatial = nn.Linear(2, h)
        self.temporal = nn.GRU(h, h, batch_first=True)  # here
        self.readout = nn.Linear(h, 1)

    def forward(self, x):
        nb = x @ self.adj.T
        h = torch.relu(self.spatial(torch.stack([x, nb], -1)))  # B T N h
        b, t, n, d = h.shape
        out, _ = self.temporal(h.transpose(1, 2).reshape(b * n, t, d))
        return self.readout(out[:, -1]).view(b, n)


def param_groups(net, lr):
    fast = [p for k, p in net.named_parameters() if k.startswith("readout")]
    slow = [p for k, p in net.named_parameters() if k.startswith(("spatial", "gru"))]  # fault
    # fixed: slow = [p for k, p in net.named_parameters() if k.startswith(("spatial", "temporal"))]
    return [{"params": fast, "lr": 2 * lr}, {"params": slow, "lr": lr}]


model = RoadNet()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(param_groups(model, 2e-3))  # here


def train():
    for epoch in range(8):
        model.train()
        acc = 0.0
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            acc += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        print(epoch, acc / len(train_loader), val)
    return acc / len(train_loader)


if __name__ == "__main__":
    print(train())
