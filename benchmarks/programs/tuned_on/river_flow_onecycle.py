"""River flow today from two weeks of rain and temperature.

code: ND604
also: ND606
object: scheduler | max_lr | OneCycleLR
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(55)
DAYS = 1100
rain = (torch.rand(DAYS) < 0.35).float() * torch.rand(DAYS) * 3
temp = torch.sin(torch.arange(DAYS) / 58.0) + 0.2 * torch.randn(DAYS)
soil = torch.zeros(DAYS)
for d in range(1, DAYS):
    soil[d] = 0.8 * soil[d - 1] + rain[d] * (1 - 0.3 * temp[d])
flow = (soil - soil.mean()) / soil.std()
series = torch.stack([(rain - rain.mean()) / rain.std(), temp / temp.std()], 1)
x = series.unfold(0, 14, 1).flatten(1)
y = flow[13:, None]
assert len(x) == len(y)

train_loader = DataLoader(TensorDataset(x[:850], y[:850]), batch_size=34, shuffle=True)
val_loader = DataLoader(TensorDataset(x[870:], y[870:]), batch_size=64)
model = nn.Sequential(nn.Linear(28, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.SmoothL1Loss()
EPOCHS = 14
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
scheduler = torch.optim.lr_scheduler.OneCycleLR(
    optimizer,
    max_lr=40.0,  # fault
    # fixed: max_lr=0.08,
    total_steps=EPOCHS * len(train_loader),
)


def train():
    history = []
    for epoch in range(EPOCHS):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()  # here
            scheduler.step()
            history.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() * len(a) for a, b in val_loader) / len(val_loader.dataset)
    print(f"first {history[0]:.3f} last {history[-1]:.3f} val {val:.3f}")


if __name__ == "__main__":
    train()
