"""Graph network over small molecules: predicts a scalar coupling from atoms and bonds.

code: ND206
also: ND204
object: conv3 | conv3.lin.weight | conv3.lin.bias | conv3.lin | conv3.self_lin.weight | conv2 | MolNet
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(31)
ATOMS = 5          # C H N O F
MAXN = 9
CHARGE = torch.tensor([0.3, -0.6, 0.8, 1.4, -1.2])


class Molecules(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for _ in range(n):
            k = int(torch.randint(5, MAXN + 1, (1,), generator=g))
            z = torch.randint(0, ATOMS, (k,), generator=g)
            a = torch.zeros(MAXN, MAXN)
            for i in range(1, k):
                j = int(torch.randint(0, i, (1,), generator=g))
                a[i, j] = a[j, i] = 1.0
            x = torch.zeros(MAXN, ATOMS)
            x[torch.arange(k), z] = 1.0
            q = x @ CHARGE
            # pairs at one and at two bonds
            two = ((a @ a) > 0).float() * (1 - torch.eye(MAXN))
            y = 0.30 * (q @ a @ q) + 0.10 * (q @ two @ q) + 0.05 * torch.randn((), generator=g)
            node = torch.zeros(MAXN)
            node[:k] = 1
            self.items.append({"x": x, "adj": a, "mask": node, "y": y})

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class GraphConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o)
        self.self_lin = nn.Linear(i, o, bias=False)

    def forward(self, x, adj):
        deg = adj.sum(-1, keepdim=True).clamp(min=1)
        return self.lin(adj @ x / deg) + self.self_lin(x)


class MolNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.conv1 = GraphConv(ATOMS, hidden)
        self.conv2 = GraphConv(hidden, hidden)
        self.conv3 = GraphConv(hidden, hidden)  # here
        self.fc = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, x, adj, mask):
        m = mask.unsqueeze(-1)
        x = F.relu(self.conv1(x, adj)) * m
        x = F.relu(self.conv2(x, adj)) * m
        x = F.relu(self.conv2(x, adj)) * m  # fault
        # fixed: x = F.relu(self.conv3(x, adj)) * m
        return self.fc(x.sum(1) / 3.0).squeeze(-1)


train_loader = DataLoader(Molecules(600, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Molecules(150, 2), batch_size=150)
model = MolNet()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    pred = setup.model(batch["x"], batch["adj"], batch["mask"])
    return loss_fn(pred, batch["y"])


def train():
    for epoch in range(10):
        model.train()
        tot = 0
        for batch in train_loader:
            optimizer.zero_grad()
            pred = model(batch["x"], batch["adj"], batch["mask"])
            loss = loss_fn(pred, batch["y"])
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            b = next(iter(val_loader))
            mae = loss_fn(model(b["x"], b["adj"], b["mask"]), b["y"]).item()
        print(f"{epoch} train MAE {tot / len(train_loader):.4f} val MAE {mae:.4f}")
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
