"""Which astronomical transient does a six-band light curve show?

code: ND306
also: ND702
object: dropout | F.dropout | LightCurveNet | model
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

rs = np.random.RandomState(4)
torch.manual_seed(4)
T, BANDS = 40, 6
KINDS = ["SNIa", "RRLyrae", "Mira", "TDE"]


def curve(kind):
    t = np.linspace(0, 1, T)[None]
    band = np.linspace(0.6, 1.2, BANDS)[:, None]
    t0 = rs.uniform(0.15, 0.5)
    if kind == 0:
        f = np.exp(-((t - t0) / (0.06 + 0.10 * (t > t0))) ** 2) * band
    elif kind == 1:
        f = ((t * rs.uniform(6, 10) + rs.rand()) % 1.0) * (1.6 - band)
    elif kind == 2:
        f = 0.5 + 0.5 * np.sin(2 * np.pi * (t * rs.uniform(1, 2) + rs.rand())) * band
    else:
        f = np.where(t > t0, (np.maximum(t - t0, 1e-3) + 0.05) ** -1.2 / 36, 0) * (1.7 - band)
    return f * rs.uniform(0.7, 1.4) + 0.12 * rs.randn(BANDS, T)


y = rs.randint(0, 4, 800)
X = np.stack([curve(k) for k in y]).astype(np.float32)
mu, sd = X[:640].mean((0, 2), keepdims=True), X[:640].std((0, 2), keepdims=True)
X = torch.from_numpy((X - mu) / sd)
y = torch.from_numpy(y)

train_loader = DataLoader(TensorDataset(X[:640], y[:640]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[640:], y[640:]), batch_size=80)


class LightCurveNet(nn.Module):
    def __init__(self):
        super(LightCurveNet, self).__init__()
        self.conv1 = nn.Conv1d(BANDS, 24, 5, padding=2)
        self.conv2 = nn.Conv1d(24, 32, 5, padding=2)
        self.fc1 = nn.Linear(64, 48)
        self.fc2 = nn.Linear(48, len(KINDS))

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x))
        x = torch.cat([x.mean(2), x.amax(2)], 1)
        x = F.dropout(F.relu(self.fc1(x)), 0.5)  # fault
        # fixed: x = F.dropout(F.relu(self.fc1(x)), 0.5, training=self.training)
        return self.fc2(x)


model = LightCurveNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def test():
    model.eval()
    loss, correct = 0.0, 0
    with torch.no_grad():
        for data, target in val_loader:
            output = model(data)  # here
            loss += loss_fn(output, target).item() * len(data)
            correct += output.argmax(1).eq(target).sum().item()
    print("  test loss {:.4f} accuracy {}/160".format(loss / 160, correct))


def train():
    for epoch in range(1, 8):
        model.train()
        s = 0.0
        for data, target in train_loader:
            optimizer.zero_grad()
            output = model(data)
            loss = loss_fn(output, target)
            loss.backward()
            optimizer.step()
            s += loss.item()
        print("epoch {} loss {:.4f}".format(epoch, s / len(train_loader)))
        test()
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
