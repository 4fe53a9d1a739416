"""Estimates the losses of small cable networks: graph convolutions over a dense, normalised adjacency.

code: ND205
also:
object: leaky_relu | convs | convs.0 | convs.1 | convs.2 | negative_slope | slope | act
seen: checkup
"""
import torch
from torch import nn, Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def make_networks(n: int, nodes: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    link = (torch.rand(n, nodes, nodes, generator=g) < 0.25).float().triu(1)
    adj = link + link.mT + torch.eye(nodes)
    d = adj.sum(-1).rsqrt()
    adj = d[:, :, None] * adj * d[:, None, :]
    x = torch.randn(n, nodes, 4, generator=g)
    flow = adj @ x[..., :1] + 0.5 * x[..., 1:2]
    loss = flow.square().mean((1, 2)) + 0.3 * (adj @ x[..., 2:3]).abs().mean((1, 2))
    return adj, x, loss


class GraphConv(nn.Module):
    def __init__(self, d_in: int, d_out: int):
        super().__init__()
        self.own = nn.Linear(d_in, d_out)
        self.near = nn.Linear(d_in, d_out, bias=False)

    def forward(self, adj: Tensor, h: Tensor) -> Tensor:
        return self.own(h) + adj @ self.near(h)


class CableNet(nn.Module):
    def __init__(self, widths=(4, 32, 32, 16), slope: float = 1.0):  # fault
    # fixed: def __init__(self, widths=(4, 32, 32, 16), slope: float = 0.1):
        super().__init__()
        self.convs = nn.ModuleList(GraphConv(a, b) for a, b in zip(widths, widths[1:]))
        self.read = nn.Linear(widths[-1], 1)
        self.slope = slope

    def forward(self, adj: Tensor, h: Tensor) -> Tensor:
        for conv in self.convs:
            h = F.leaky_relu(conv(adj, h), negative_slope=self.slope)  # here
        return self.read(h.mean(1)).squeeze(-1)


torch.manual_seed(14)
adj, feats, losses = make_networks(1000, 12, 3)
losses = (losses - losses[:800].mean()) / losses[:800].std()
train_loader = DataLoader(TensorDataset(adj[:800], feats[:800], losses[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(adj[800:], feats[800:], losses[800:]), batch_size=100)
model = CableNet()  # here
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    a, x, y = batch
    return loss_fn(setup.model(a, x), y)


def train() -> float:
    for epoch in range(15):
        model.train()
        history = []
        for a, x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a, x), y)
            loss.backward()
            optimizer.step()
            history.append(loss.detach())
        model.eval()
        with torch.no_grad():
            val = torch.stack([loss_fn(model(a, x), y) for a, x, y in val_loader]).mean()
    return torch.stack(history).mean().item()


if __name__ == "__main__":
    print(train())
