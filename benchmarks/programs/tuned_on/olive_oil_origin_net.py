"""From which region does an olive oil come? Six fatty acids, three regions.

code: ND106
also: ND102
object: val_loader | x_val | val_set | mean | std
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
acids = torch.tensor([[1250., 120., 230., 7100., 1000., 35.],
                      [1110., 95., 225., 7450., 1150., 30.],
                      [1160., 105., 240., 7280., 1080., 25.]])
spread = torch.tensor([70., 18., 25., 150., 90., 8.])
origin = torch.randint(0, 3, (600,))
x = acids[origin] + 0.7 * spread * torch.randn(600, 6)

x_train, y_train = x[:450], origin[:450]
x_val, y_val = x[450:], origin[450:]
mean, std = x_train.mean(0), x_train.std(0)
x_train = (x_train - mean) / std
x_val = x_val.clone()  # fault
# fixed: x_val = (x_val - mean) / std

train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=50)  # here


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 20)
        self.fc2 = nn.Linear(20, 3)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(20):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        correct = 0
        with torch.no_grad():
            for xb, yb in val_loader:
                correct += (model(xb).argmax(1) == yb).sum().item()
    print("train loss", loss.item(), "val accuracy", correct / len(y_val))


if __name__ == "__main__":
    train()
