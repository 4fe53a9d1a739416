"""Snow depth next morning from station tables (diabetes-sized regression, script style).

code: ND602
also: ND603
object: update | optimizer | zero_grad | step
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(41)
stations = torch.randn(640, 8)
depth = (stations[:, 0] + .6 * torch.relu(stations[:, 1]) - .4 * stations[:, 2] * stations[:, 3] + .1 * torch.randn(640)).unsqueeze(1)
train_set, val_set = random_split(TensorDataset(stations, depth), [512, 128])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64)

model = nn.Sequential(nn.Linear(8, 48), nn.ELU(), nn.Linear(48, 48), nn.ELU(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.NAdam(model.parameters(), lr=2e-3)


def update(loss, opt):
    """one step of the optimizer"""
    loss.backward()
    opt.zero_grad()  # fault
    # fixed: opt.step()
    opt.step()  # fault
    # fixed: opt.zero_grad()


def evaluate():
    model.eval()
    with torch.no_grad():
        total = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader)
    model.train()
    return total / len(val_set)


def train():
    for epoch in range(12):
        total = 0.
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            update(loss, optimizer)  # here
            total += loss.item()
        evaluate()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
