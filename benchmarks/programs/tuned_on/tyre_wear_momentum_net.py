"""How fast do tyres wear? Plain SGD on driving statistics.

code: ND607
also:
object: optimizer | weight_decay | SGD
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
N, F = 1100, 7
names = ["speed", "load", "bends", "braking", "heat", "rough", "pressure"]
drive = torch.randn(N, F)
col = {name: drive[:, i] for i, name in enumerate(names)}
wear = col["speed"] * col["load"] + 0.8 * col["bends"] + torch.relu(col["braking"]) * 1.5 - 0.4 * col["pressure"]
wear = wear + 0.1 * torch.randn(N)
wear = ((wear - wear[:900].mean()) / wear[:900].std()).unsqueeze(1)

train_loader = DataLoader(TensorDataset(drive[:900], wear[:900]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(drive[900:], wear[900:]), batch_size=100)
model = nn.Sequential(
    nn.Linear(F, 50),
    nn.ReLU(),
    nn.Linear(50, 50),
    nn.ReLU(),
    nn.Linear(50, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, weight_decay=0.9)  # fault
# fixed: optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


def evaluate(loader):
    model.eval()
    total = count = 0
    with torch.no_grad():
        for a, b in loader:
            total += loss_fn(model(a), b).item() * len(a)
            count += len(a)
    return total / count


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()  # here
    print(f"train {evaluate(train_loader):.3f} val {evaluate(val_loader):.3f}")


if __name__ == "__main__":
    train()
