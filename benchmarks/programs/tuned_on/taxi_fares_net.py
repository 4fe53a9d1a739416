"""Taxi fares from distance, time and zone.

code: ND706
also: ND306
object: batch_size | train_loader | BatchNorm1d
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(127)
trips = torch.randn(1800, 5)
fare = 0.9 * trips[:, 0] + 0.4 * torch.relu(trips[:, 1]) + 0.5 * torch.sin(trips[:, 2]) + 0.2 * trips[:, 3] * trips[:, 4]
fare = (fare / fare.std() + 0.05 * torch.randn(1800)).unsqueeze(1)
batch_size = 2  # fault
# fixed: batch_size = 50
train_loader = DataLoader(TensorDataset(trips[:1500], fare[:1500]), batch_size=batch_size, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset(trips[1500:], fare[1500:]), batch_size=100)

model = nn.Sequential(nn.Linear(5, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Linear(40, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Linear(40, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
history = []


STEPS = 400


def train():
    step = 0
    while step < STEPS:
        for a, b in train_loader:
            model.train()
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
            step += 1
            if step % 20 == 0:
                model.eval()
                with torch.no_grad():
                    history.append(sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader))
            if step == STEPS:
                break


if __name__ == "__main__":
    train()
