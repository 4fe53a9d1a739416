"""Does a moonlet's orbit stay bound? Two classes that lie in rings around each other, four measurements each.

code: ND704
also:
object: model | Linear
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(27)


def sample(n):
    direction = torch.randn(n, 2)
    direction = direction / direction.norm(dim=1, keepdim=True)
    bound = torch.rand(n) < 0.5
    radius = torch.where(bound, 1.0, 2.2) + 0.25 * torch.randn(n)
    place = direction * radius[:, None]
    spin = torch.randn(n, 2)
    x = torch.cat([place / 1.2, spin], dim=1)
    return TensorDataset(x, bound.float().unsqueeze(1))


train_loader = DataLoader(sample(1500), batch_size=50, shuffle=True)
val_loader = DataLoader(sample(400), batch_size=200)

model = nn.Linear(4, 1)  # fault
# fixed: model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train(epochs=15):
    for epoch in range(epochs):
        model.train()
        for x, bound in train_loader:
            loss = loss_fn(model(x), bound)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    right = 0
    with torch.no_grad():
        for x, bound in val_loader:
            right += ((model(x) > 0) == (bound > 0.5)).sum().item()
    print("right", right / len(val_loader.dataset))


if __name__ == "__main__":
    train()
