"""Sort parcels into four handling classes from twelve conveyor sensor readings.

code: ND705
also:
object: flood | train | loss
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)
centres = torch.randn(4, 12) * 1.6
kind = torch.randint(0, 4, (1500,))
readings = centres[kind] + torch.randn(1500, 12)
mean, std = readings[:1200].mean(0), readings[:1200].std(0)
readings = (readings - mean) / std

train_loader = DataLoader(TensorDataset(readings[:1200], kind[:1200]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(readings[1200:], kind[1200:]), batch_size=150)

model = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
history = []

# "flooding": the training loss is kept from sinking under this level
flood = 0.8  # fault
# fixed: flood = 0.0


def validate():
    model.eval()
    with torch.no_grad():
        loss = sum(loss_fn(model(a), b).item() * len(b) for a, b in val_loader) / 300
    model.train()
    return loss


def train():
    model.train()
    for epoch in range(12):
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            loss = (loss - flood).abs() + flood  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        history.append(validate())


if __name__ == "__main__":
    train()
