"""Surface speed of a glacier as a function of place and season: a coordinate network.

code: ND606
also: ND605
object: scheduler | StepLR | step
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(44)


def speed(p):
    across, along, season = p.unbind(1)
    return torch.sin(3 * along) * (1 - across ** 2) + 0.5 * torch.cos(3 * season + along) + 0.5 * across * along


def survey(points):
    p = torch.rand(points, 3) * 2 - 1
    v = speed(p) + 0.02 * torch.randn(points)
    return p * 1.73, (v / 0.65).unsqueeze(1)


train_loader = DataLoader(TensorDataset(*survey(1600)), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(*survey(400)), batch_size=200)
model = nn.Sequential(
    nn.Linear(3, 64), nn.SiLU(),
    nn.Linear(64, 64), nn.SiLU(),
    nn.Linear(64, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
# a tenth of the rate after every eight epochs
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=0.1)  # here


def train(epochs=16):
    for epoch in range(epochs):
        model.train()
        for i, (place, v) in enumerate(train_loader, start=1):
            optimizer.zero_grad()
            loss = loss_fn(model(place), v)
            loss.backward()
            optimizer.step()
            scheduler.step()  # fault
            # fixed: if i == len(train_loader): scheduler.step()
    model.eval()
    with torch.no_grad():
        mse = sum(loss_fn(model(p), v).item() for p, v in val_loader) / len(val_loader)
    print("validation mse", mse, "last rate", scheduler.get_last_lr()[0])


if __name__ == "__main__":
    train()
