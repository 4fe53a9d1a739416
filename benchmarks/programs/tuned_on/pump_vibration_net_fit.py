"""Power of a pump from eight vibration readings (products and squares matter).

code: ND205
also:
object: relu | forward | fc1 | fc2 | fc3
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)
readings = torch.randn(1400, 8)
power = readings[:, 0] * readings[:, 1] + readings[:, 2] ** 2 - readings[:, 3].abs() + 0.3 * readings[:, 4]
power = (power - power.mean()) / power.std() + 0.05 * torch.randn(1400)
pairs = TensorDataset(readings, power.unsqueeze(1))
train_set, val_set = torch.utils.data.random_split(pairs, [1100, 300])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)


class PumpNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 1)

    def forward(self, x):
        x = self.fc1(x)
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        x = self.fc2(x)
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        return self.fc3(x)


model = PumpNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def run_epoch():
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()


def evaluate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


def train():
    for _ in range(20):
        run_epoch()
    print("val mse %.3f" % evaluate())


if __name__ == "__main__":
    train()
