"""Range of a thrown ball from speed, angle and height (no air drag), learnt instead of derived.

code: ND205
also:
object: RangeNet | fc1 | fc2 | fc3 | fc4
seen: checkup
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(981)
G = 9.81


def throw(n):
    v = torch.empty(n).uniform_(5, 30)
    a = torch.empty(n).uniform_(math.radians(5), math.radians(85))
    h = torch.empty(n).uniform_(0, 10)
    vy = v * torch.sin(a)
    reach = v * torch.cos(a) * (vy + torch.sqrt(vy ** 2 + 2 * G * h)) / G
    return torch.stack([v, a, h], 1), reach.unsqueeze(1)


x_train, y_train = throw(1600)
x_val, y_val = throw(400)
x_mu, x_sd = x_train.mean(0), x_train.std(0)
y_mu, y_sd = y_train.mean(), y_train.std()
train_loader = DataLoader(TensorDataset((x_train - x_mu) / x_sd, (y_train - y_mu) / y_sd), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset((x_val - x_mu) / x_sd, (y_val - y_mu) / y_sd), batch_size=400)


class RangeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 64)  # here
        self.fc2 = nn.Linear(64, 64)  # here
        self.fc3 = nn.Linear(64, 32)  # here
        self.fc4 = nn.Linear(32, 1)  # here

    def forward(self, x):
        x = self.fc1(x)  # fault
        # fixed: x = torch.relu(self.fc1(x))
        x = self.fc2(x)  # fault
        # fixed: x = torch.relu(self.fc2(x))
        x = self.fc3(x)  # fault
        # fixed: x = torch.relu(self.fc3(x))
        return self.fc4(x)


model = RangeNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=15):
    history = []
    for _ in range(epochs):
        model.train()
        batch_losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(xb), yb).item() for xb, yb in val_loader) / len(val_loader)
        history.append((sum(batch_losses) / len(batch_losses), val))
    print("last train / val:", history[-1])
    return history[-1][0]


if __name__ == "__main__":
    print(train())
