"""Pitch of a violin note from its spectrum; the pretrained-like trunk gets a new head for a second instrument.

code: ND601
also:
object: head | optimizer | param_groups
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def spectra(n, seed, notes):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, notes, (n,), generator=g)
    bins = torch.arange(48).float()
    f0 = 4 + .8 * y.float()[:, None]
    x = sum(torch.exp(-(bins - k * f0) ** 2 / 1.5) / k for k in (1, 2, 3)) + .1 * torch.randn(n, 48, generator=g)
    return (x - .2) / .3, y


class PitchNet(nn.Module):
    def __init__(self, notes):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.head = nn.Linear(32, notes)

    def swap_head(self, notes):
        self.head = nn.Linear(self.head.in_features, notes)  # here
        return self

    def forward(self, x):
        return self.head(self.trunk(x))


def param_groups(net, lr):
    return [{"params": list(net.trunk.parameters()), "lr": lr * .3}, {"params": list(net.head.parameters()), "lr": lr}]


torch.manual_seed(27)
model = PitchNet(notes=20)
optimizer = torch.optim.Adam(param_groups(model, 3e-3))  # fault
# fixed: model.swap_head(12)
# fixed: optimizer = torch.optim.Adam(param_groups(model, 3e-3))
if model.head.out_features != 12:
    model.swap_head(12)  # here
train_loader = DataLoader(TensorDataset(*spectra(480, 1, 12)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*spectra(120, 2, 12)), batch_size=60)
loss_fn = nn.CrossEntropyLoss()


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 120
    train.acc = acc
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
