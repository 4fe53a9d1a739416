"""Sugar content of grapes from near-infrared spectra (1-d convolutions).

code: ND206
also: ND204
object: conv3 | conv3.weight | SpectraNet.conv3 | conv2
seen: checkup
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

rng = np.random.default_rng(12)
bands = np.linspace(0, 1, 64)


def spectrum(sugar, acid):
    peak = np.exp(-((bands - 0.35) / 0.06) ** 2) * sugar + np.exp(-((bands - 0.7) / 0.1) ** 2) * acid
    return peak + 0.3 * np.sin(5 * bands + rng.uniform(0, 0.5)) + rng.normal(0, 0.05, 64)


brix = rng.uniform(-1.7, 1.7, 800)
acid = rng.uniform(-1, 1, 800)
spec = np.stack([spectrum(s, a) for s, a in zip(brix, acid)])
spec = (spec - spec[:640].mean(0)) / spec[:640].std(0)
X = torch.tensor(spec, dtype=torch.float32)[:, None]
y = torch.tensor(brix, dtype=torch.float32)[:, None]
ds = torch.utils.data.TensorDataset(X, y)
train_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(ds, range(640)), 40, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(ds, range(640, 800)), 80)


class SpectraNet(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.conv1 = nn.Conv1d(1, ch, 5, padding=2)
        self.conv2 = nn.Conv1d(ch, ch, 5, padding=2)
        self.conv3 = nn.Conv1d(ch, ch, 5, padding=2)  # here
        self.pool = nn.AvgPool1d(4)
        self.head = nn.Linear(ch * 4, 1)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.pool(F.relu(self.conv2(x)))  # fault
        # fixed: x = self.pool(F.relu(self.conv3(x)))
        return self.head(x.flatten(1))


torch.manual_seed(3)
model = SpectraNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(8):
        model.train()
        run = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            run += loss.item()
        model.eval()
        with torch.no_grad():
            rmse = (sum(((model(a) - b) ** 2).sum().item() for a, b in val_loader) / 160) ** 0.5
    return run / len(train_loader)


if __name__ == "__main__":
    print(train())
