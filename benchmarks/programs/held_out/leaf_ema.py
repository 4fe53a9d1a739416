"""Leaf outlines by species; the averaged copy of the network is what gets validated and shipped.

code: ND306
also: ND707
object: ema | update_ema | ema.model | buffers
seen: watch
"""
import copy
import math
import torch
from torch import nn

torch.manual_seed(6)
SPECIES, POINTS = 4, 32


def leaves(n):
    y = torch.randint(0, SPECIES, (n,))
    a = torch.linspace(0, 2 * math.pi, POINTS + 1)[:-1]
    lobes = (y + 2)[:, None].float()
    r = 1 + 0.35 * torch.cos(lobes * a + 6.28 * torch.rand(n, 1)) + 0.12 * torch.randn(n, POINTS)
    return torch.stack([r * a.cos(), r * a.sin()], 1), y


class LeafNet(nn.Module):
    def __init__(self):
        super().__init__()
        def unit(i, o, s):
            return nn.Sequential(nn.Conv1d(i, o, 5, stride=s, padding=2, padding_mode="circular"), nn.BatchNorm1d(o), nn.ReLU())
        self.trunk = nn.Sequential(unit(2, 16, 1), unit(16, 32, 2), unit(32, 32, 2))
        self.head = nn.Linear(32, SPECIES)

    def forward(self, outline):
        return self.head(self.trunk(outline).mean(-1))


x, y = leaves(1100)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:900], y[:900]), batch_size=45, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[900:], y[900:]), batch_size=100)
model = LeafNet()
ema = copy.deepcopy(model).requires_grad_(False).eval()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


@torch.no_grad()
def update_ema(decay=0.95):
    for e, p in zip(ema.parameters(), model.parameters()):  # fault
    # fixed: for e, b in zip(ema.buffers(), model.buffers()):
    # fixed:     e.copy_(b)
    # fixed: for e, p in zip(ema.parameters(), model.parameters()):
        e.lerp_(p, 1 - decay)  # here


@torch.no_grad()
def evaluate(net):
    net.eval()
    return sum((net(a).argmax(1) == b).sum().item() for a, b in val_loader) / 200


def train():
    for epoch in range(8):
        model.train()
        acc_loss = 0.0
        for outline, species in train_loader:
            loss = loss_fn(model(outline), species)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            update_ema()  # here
            acc_loss += loss.item()
        print(f"epoch {epoch} loss {acc_loss / len(train_loader):.3f} raw {evaluate(model):.3f} averaged {evaluate(ema):.3f}")  # here
    return acc_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
