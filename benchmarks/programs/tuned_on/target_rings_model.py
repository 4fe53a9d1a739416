"""Which ring of the target did the arrow hit? Two coordinates, three rings.

code: ND205
also:
object: model | Sequential | Linear
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

angle = torch.rand(1200) * 6.2832
radius = torch.sqrt(torch.rand(1200)) * 1.8
xy = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
ring = (radius > 1.04).long() + (radius > 1.47).long()

train_set = TensorDataset(xy[:900], ring[:900])
val_set = TensorDataset(xy[900:], ring[900:])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=300)

model = nn.Sequential(  # here
    nn.Linear(2, 64),  # fault
    # fixed: nn.Linear(2, 64), nn.ReLU(),
    nn.Linear(64, 64),  # fault
    # fixed: nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 3),  # here
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                out = model(x)
                acc = (out.argmax(1) == y).float().mean()
                vl = loss_fn(out, y)
    print(f"val loss {vl:.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
