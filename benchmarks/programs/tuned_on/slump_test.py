"""Compressive strength of concrete from its mix; weights set by an init function as in the course notes.

code: ND201
also:
object: fc1.weight | fc2.weight | fc3.weight | weights_init | fc1 | fc2
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(21)
rs = np.random.RandomState(21)

N = 1000
cement = rs.uniform(120, 520, N)
slag = rs.uniform(0, 300, N)
ash = rs.uniform(0, 180, N)
water = rs.uniform(130, 240, N)
plasticiser = rs.uniform(0, 25, N)
age = rs.choice([3, 7, 14, 28, 56, 90], N)
strength = 26 * (cement + 0.6 * slag + 0.4 * ash) / water * 0.5 * np.log(age + 1) / 3 + 6 * np.sin(plasticiser / 4) + rs.normal(0, 2.5, N)

X = np.stack([cement, slag, ash, water, plasticiser, np.log(age)], 1)
X_tr, X_te, y_tr, y_te = X[:800], X[800:], strength[:800], strength[800:]
mu, sd = X_tr.mean(0), X_tr.std(0)
ym, ys = y_tr.mean(), y_tr.std()


def tensors(a, b):
    return TensorDataset(torch.FloatTensor((a - mu) / sd), torch.FloatTensor((b - ym) / ys).view(-1, 1))


train_loader = DataLoader(tensors(X_tr, y_tr), batch_size=40, shuffle=True)
val_loader = DataLoader(tensors(X_te, y_te), batch_size=200)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(6, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return self.fc3(x)


def weights_init(m):
    if isinstance(m, nn.Linear):
        m.weight.data.fill_(0.1)  # fault
        # fixed: nn.init.xavier_uniform_(m.weight)
        m.bias.data.fill_(0.0)


model = Net()
model.apply(weights_init)  # here

loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)


def train():
    for epoch in range(12):
        model.train()
        s = 0.0
        for data, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(data), target)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            t = sum(F.mse_loss(model(a), b).item() for a, b in val_loader)
        if epoch % 3 == 2:
            print("epoch %d  train %.4f  test %.4f" % (epoch + 1, s / len(train_loader), t))
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
