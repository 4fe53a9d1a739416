"""Three seepage rates below a dam from pore pressures (regression of several targets).

code: ND404
also: ND402
object: criterion | loss_fn | cross_entropy | F.cross_entropy | step_loss
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

LOSSES = {
    "l2": F.mse_loss,
    "l1": F.l1_loss,
    "ce": F.cross_entropy,
}
args = {"task": "seepage", "loss": "ce", "lr": 1e-3, "epochs": 10}  # fault
# fixed: args = {"task": "seepage", "loss": "l2", "lr": 1e-3, "epochs": 10}


def data(n=1000, seed=60):
    g = torch.Generator().manual_seed(seed)
    pressure = torch.randn(n, 10, generator=g)
    a = torch.randn(10, 3, generator=g) / 3
    flow = (pressure @ a) + 0.4 * torch.tanh(pressure[:, :3] * 2) + 0.1 * torch.randn(n, 3, generator=g)
    return pressure, (flow - flow.mean(0)) / flow.std(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(10, 32)
        self.b = nn.Linear(32, 32)
        self.c = nn.Linear(32, 3)

    def forward(self, p):
        h = F.elu(self.a(p))
        h = h + F.elu(self.b(h))
        return self.c(h)


torch.manual_seed(60)
P, Q = data()
train_loader = DataLoader(TensorDataset(P[:800], Q[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(P[800:], Q[800:]), batch_size=200)
model = Net()
loss_fn = LOSSES[args["loss"]]  # here
optimizer = optim.Adam(model.parameters(), lr=args["lr"])


def train():
    for _ in range(args["epochs"]):
        model.train()
        total = 0
        for p, q in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(p), q)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            r = sum(loss_fn(model(p), q).item() for p, q in val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
