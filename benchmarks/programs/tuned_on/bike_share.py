"""Bike rentals per hour from weather and clock, an MLP with a step schedule.

code: ND606
also: ND605
object: scheduler | scheduler.step
seen: watch
"""
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(44)
n = 800
hour, temp, rain, weekday = torch.rand(n) * 24, torch.randn(n), (torch.rand(n) < 0.2).float(), (torch.rand(n) < 0.7).float()
rentals = torch.sin((hour - 8) / 24 * 6.2832) * (1 + 0.5 * weekday) + 0.7 * temp - 0.8 * rain + 0.15 * torch.randn(n)
features = torch.stack([(hour / 24 * 6.2832).sin(), (hour / 24 * 6.2832).cos(), temp, rain - 0.2, weekday - 0.7], 1)
rentals = (rentals - rentals[:600].mean()) / rentals[:600].std()

train_loader = DataLoader(TensorDataset(features[:600], rentals[:600, None]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(features[600:], rentals[600:, None]), batch_size=100)
model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)  # here


def train():
    for epoch in range(16):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()  # fault
            # fixed:
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"epoch {epoch:2d} train {total / len(train_loader):.4f} val {val:.4f}")  # fault
        # fixed: print(f"epoch {epoch:2d} train {total / len(train_loader):.4f} val {val:.4f}")
        # fixed: scheduler.step()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
