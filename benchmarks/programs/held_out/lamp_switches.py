"""Is the lamp on? Four switches in a row (each one toggles it), read by noisy sensors.

code: ND705
also: ND605, ND704
object: optimizer | lr | SGD | history
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(90)


def readings(n):
    switches = torch.randint(0, 2, (n, 4)).float() * 2 - 1
    lamp = (switches.prod(1) > 0).float()
    return TensorDataset(switches + 0.15 * torch.randn(n, 4), lamp)


class Lamp(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.hidden = nn.Linear(4, width)
        self.deeper = nn.Linear(width, width)
        self.lamp = nn.Linear(width, 1)

    def forward(self, x):
        return self.lamp(torch.tanh(self.deeper(torch.tanh(self.hidden(x))))).squeeze(1)


train_loader = DataLoader(readings(1000), batch_size=40, shuffle=True)
val_loader = DataLoader(readings(250), batch_size=125)
model = Lamp()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    history = []
    for epoch in range(16):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum(((model(x) > 0).float() == y).sum().item() for x, y in val_loader) / 250
        history.append((total / len(train_loader), acc))  # here
        print(epoch, *history[-1])
    return history[-1][0]


if __name__ == "__main__":
    print(train())
