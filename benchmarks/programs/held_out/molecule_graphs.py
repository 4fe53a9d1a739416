"""Two properties of small molecules from dense adjacency products: gap (eV) and total energy (meV).

code: ND112
also:
object: targets | energy | properties | column 1
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(70)
ATOMS, KINDS = 8, 4
weights_of_kind = torch.tensor([1.0, 2.5, 0.5, 3.2])


def molecules(n):
    kinds = torch.randint(0, KINDS, (n, ATOMS))
    bonds = (torch.rand(n, ATOMS, ATOMS) < 0.3).float().triu(1)
    bonds = bonds + bonds.transpose(1, 2) + torch.eye(ATOMS)
    adjacency = bonds / bonds.sum(-1, keepdim=True)
    charge = weights_of_kind[kinds]
    smooth = (adjacency @ charge[..., None])[..., 0]
    gap = 1.5 * (smooth.max(1).values - smooth.min(1).values) + 0.05 * torch.randn(n)
    energy = -310_000 - 9_000 * charge.sum(1) + 900 * torch.randn(n)
    return kinds, adjacency, torch.stack([gap, energy], 1)


kinds, adjacency, properties = molecules(1100)
atoms = nn.functional.one_hot(kinds, KINDS).float()
mean, std = properties[:900].mean(0), properties[:900].std(0)
scaled = properties - mean * torch.tensor([1.0, 0.0])  # fault
# fixed: scaled = (properties - mean) / std
inputs = torch.cat([atoms, adjacency], -1)   # (n, atoms, kinds + atoms)
train_loader = DataLoader(TensorDataset(inputs[:900], scaled[:900]), batch_size=45, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(inputs[900:], scaled[900:]), batch_size=100)  # here


class GraphNet(nn.Module):
    def __init__(self, width=32, rounds=2):
        super().__init__()
        self.embed = nn.Linear(KINDS, width)
        self.rounds = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(rounds))
        self.readout = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 2))

    def forward(self, graph):
        atoms, adjacency = graph.split([KINDS, ATOMS], -1)
        h = self.embed(atoms)
        for layer in self.rounds:
            h = h + nn.functional.silu(layer(torch.cat([h, adjacency @ h], -1)))
        return self.readout(torch.cat([h.mean(1), h.amax(1)], -1))


model = GraphNet()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for graph, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(graph), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            errors = torch.cat([(model(g) - t).abs() for g, t in val_loader]).mean(0)
        print(epoch, errors.tolist())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
