"""Sort mosaic tiles with a net whose first-layer rows are kept at length one after each step.

code: ND709
also:
object: unit_rows | norm | weight
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(139)
protos = torch.randn(6, 16)
kind = torch.randint(0, 6, (1200,))
tile = (protos[kind] + 0.9 * torch.randn(1200, 16)) / 1.35
train_loader = DataLoader(TensorDataset(tile[:1000], kind[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(tile[1000:], kind[1000:]), batch_size=200)

model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 6))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
pruned = torch.arange(64) % 16 == 0


@torch.no_grad()
def prune(layer):
    """Every sixteenth unit is taken out for good."""
    layer.weight[pruned] = 0.0
    layer.bias[pruned] = 0.0


@torch.no_grad()
def unit_rows(layer):
    norm = layer.weight.norm(dim=1, keepdim=True)  # here
    layer.weight.div_(norm)  # fault
    # fixed: layer.weight.div_(norm.clamp(min=1e-6))


def train():
    model.train()
    for epoch in range(10):
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
            prune(model[0])
            unit_rows(model[0])
    model.eval()
    with torch.no_grad():
        print("accuracy", [(model(a).argmax(1) == b).float().mean().item() for a, b in val_loader])


if __name__ == "__main__":
    train()
