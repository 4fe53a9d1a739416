"""Yield strength of alloys from composition and heat treatment.

code: ND403
also:
object: loss_fn | rmse_loss | pred | targets | model | output_layer | model.output_layer | y
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

np.random.seed(0)
torch.manual_seed(0)

n = 800
comp = np.random.dirichlet([8, 3, 2, 1, 1], n)              # Al, Zn, Mg, Cu, Si
temp = np.random.uniform(120, 220, (n, 1))
hours = np.random.uniform(1, 24, (n, 1))
X = np.hstack([comp, temp, np.log(hours)])
y = (180 + 900 * comp[:, 1] * comp[:, 2] * 4 + 350 * comp[:, 3]
     - 60 * ((temp[:, 0] - 165) / 40) ** 2 + 20 * np.log(hours[:, 0]) + np.random.randn(n) * 8)

X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.25, random_state=0)
sx = StandardScaler().fit(X_tr)
sy = StandardScaler().fit(y_tr.reshape(-1, 1))


class AlloyDataset(Dataset):
    def __init__(self, X, y):
        self.X = torch.tensor(sx.transform(X), dtype=torch.float32)
        self.y = torch.tensor(sy.transform(y.reshape(-1, 1)).ravel(), dtype=torch.float32)  # here

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


class StrengthNet(nn.Module):
    def __init__(self, d_in, hidden=(64, 32)):
        super().__init__()
        layers = []
        for h in hidden:
            layers += [nn.Linear(d_in, h), nn.BatchNorm1d(h), nn.ReLU()]
            d_in = h
        self.body = nn.Sequential(*layers)
        self.output_layer = nn.Linear(d_in, 1)

    def forward(self, x):
        return self.output_layer(self.body(x))  # fault
        # fixed: return self.output_layer(self.body(x)).squeeze(-1)


def rmse_loss(pred, target):
    return torch.sqrt(((pred - target) ** 2).mean() + 1e-8)  # here


train_loader = DataLoader(AlloyDataset(X_tr, y_tr), batch_size=40, shuffle=True)
val_loader = DataLoader(AlloyDataset(X_te, y_te), batch_size=50)
model = StrengthNet(X.shape[1])
loss_fn = rmse_loss
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=15):
    for epoch in range(epochs):
        model.train()
        losses = []
        for xb, yb in train_loader:
            pred = model(xb)
            loss = loss_fn(pred, yb)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(xb), yb).item() for xb, yb in val_loader])
        print(f"epoch {epoch + 1}: train RMSE {np.mean(losses) * sy.scale_[0]:.1f} MPa, val {val * sy.scale_[0]:.1f} MPa")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
