"""Total energy of made-up molecules with a small message-passing net over dense graphs.

code: ND112
also:
object: energy | energies | targets | train_loader
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
ATOMS, KINDS = 8, 4


def molecules(n):
    kind = torch.randint(0, KINDS, (n, ATOMS))
    up = torch.triu((torch.rand(n, ATOMS, ATOMS) < 0.3).float(), 1)
    bonds = up + up.transpose(1, 2)
    strength = torch.tensor([[0.1, 0.9, -0.3, 0.5], [0.9, -0.2, 0.4, 0.0],
                             [-0.3, 0.4, 0.8, -0.6], [0.5, 0.0, -0.6, 0.2]])
    pair = strength[kind.unsqueeze(2), kind.unsqueeze(1)]
    energy = -5400.0 + (pair * bonds).sum((1, 2)) / 2
    return kind, bonds, energy


class MessageNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.embed = nn.Embedding(KINDS, width)
        self.message = nn.Linear(width, width)
        self.update = nn.Linear(2 * width, width)
        self.readout = nn.Linear(width, 1)

    def forward(self, kind, bonds):
        h = self.embed(kind)
        m = bonds @ self.message(h)
        h = torch.relu(self.update(torch.cat([h, m], -1)))
        return self.readout(h).sum(1).squeeze(-1)


kind, bonds, energy = molecules(900)
energy = energy.float()  # fault
# fixed: energy = (energy - energy[:700].mean()) / energy[:700].std()
train_loader = DataLoader(TensorDataset(kind[:700], bonds[:700], energy[:700]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(kind[700:], bonds[700:], energy[700:]), batch_size=200)

model = MessageNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    k, b, e = batch
    return loss_fn(net(k, b), e)


def train():
    for epoch in range(40):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        err = batch_loss(model, next(iter(val_loader))).item()
    print(f"val R2 {1 - err / energy[700:].var().item():.3f}")


if __name__ == "__main__":
    train()
