"""Yield strength and hardness of steel from its composition and heat treatment.

code: ND205
also:
object: fc1 | fc2 | fc3 | SteelNet
seen: checkup
"""
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)

# carbon, manganese, chromium, nickel, quench temperature, temper temperature (standardised)
x = torch.randn(1200, 6)
carbon, manganese, chromium, nickel, quench, temper = x.unbind(1)
strength = 1.2 * torch.tanh(2 * carbon) - 0.6 * quench ** 2 + 0.8 * chromium * nickel + 0.2 * manganese
hardness = torch.relu(carbon + 0.5 * chromium) * 1.5 - 0.7 * temper.abs()
y = torch.stack([strength, hardness], 1) + 0.1 * torch.randn(1200, 2)
y = (y - y[:1000].mean(0)) / y[:1000].std(0)

train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=200)


class SteelNet(nn.Module):
    def __init__(self):
        super(SteelNet, self).__init__()
        self.fc1 = nn.Linear(6, 64)  # here
        self.fc2 = nn.Linear(64, 64)  # here
        self.fc3 = nn.Linear(64, 2)  # here

    def forward(self, x):
        x = self.fc1(x)  # fault
        # fixed: x = torch.relu(self.fc1(x))
        x = self.fc2(x)  # fault
        # fixed: x = torch.relu(self.fc2(x))
        x = self.fc3(x)
        return x


model = SteelNet()  # here
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.002)


def train():
    for epoch in range(15):
        model.train()
        running_loss = 0.0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        model.eval()
        with torch.no_grad():
            val_loss = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        print('Epoch [%d] train: %.4f val: %.4f' % (epoch + 1, running_loss / len(train_loader), val_loss))
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
