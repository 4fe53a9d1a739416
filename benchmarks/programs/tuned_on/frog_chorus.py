"""Which of five frogs call in a pond recording (multi-label), plateau schedule on the validation score.

code: ND606
also: ND605
object: scheduler | ReduceLROnPlateau | mode
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(52)
FROGS = 5


def ponds(n):
    calls = (torch.rand(n, FROGS) < .35).float()
    f = torch.arange(40).float()
    bank = torch.stack([torch.exp(-(f - 4 - 7 * k) ** 2 / 6) for k in range(FROGS)])
    loud = calls * (.5 + torch.rand(n, FROGS))
    return TensorDataset(loud @ bank + .3 * torch.randn(n, 40), calls)


train_loader = DataLoader(ponds(512), batch_size=32, shuffle=True)
val_loader = DataLoader(ponds(128), batch_size=64)
model = nn.Sequential(nn.Linear(40, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, FROGS))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=.1, patience=0)  # fault
# fixed: scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=.5, patience=3)


def validation_loss():
    model.eval()
    with torch.no_grad():
        total = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    model.train()
    return total


def train():
    for epoch in range(16):
        run = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            run += loss.item() / len(train_loader)
        scheduler.step(validation_loss())  # here
    return run


if __name__ == "__main__":
    print(train())
