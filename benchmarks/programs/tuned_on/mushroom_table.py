"""Edible or poisonous from one-hot traits, with dropout and batch-norm.

code: ND702
also:
object: model.eval | model.train | evaluate | model
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
TRAITS = [4, 5, 3, 6, 2]


def mushrooms(n):
    columns = [torch.randint(0, k, (n,)) for k in TRAITS]
    x = torch.cat([nn.functional.one_hot(c, k).float() - 1 / k for c, k in zip(columns, TRAITS)], 1)
    poison = ((columns[0] == columns[1]) | (columns[3] > 3) & (columns[4] == 1)).float()
    return x, poison


class MushroomNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(20, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(48, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(24, 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


def evaluate():
    model.eval()  # here
    with torch.no_grad():
        return sum(((model(x) > 0) == (y > 0.5)).sum().item() for x, y in val_loader) / len(val_loader.dataset)


def train_epoch():
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)  # here
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


train_loader = DataLoader(TensorDataset(*mushrooms(640)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*mushrooms(160)), batch_size=80)
model = MushroomNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    model.train()  # fault
    # fixed:
    for epoch in range(10):
        loss = train_epoch()  # fault
        # fixed: model.train()
        # fixed: loss = train_epoch()
        print(f"epoch {epoch} loss {loss:.4f} accuracy {evaluate():.3f}")
    return loss


if __name__ == "__main__":
    print(train())
