"""Signal against background in simulated collision events, with a deep fully connected net.

code: ND502
also:
object: layers | body | body.0 | body.3 | DeepNet | act | body.1
seen: checkup
"""
import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 125
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)


def simulate(n):
    signal = rng.random(n) < 0.5
    pt1, pt2 = rng.gamma(3, 20, n), rng.gamma(3, 15, n)
    dphi = rng.uniform(0, np.pi, n)
    deta = rng.normal(0, 1.5, n)
    mass = np.sqrt(2 * pt1 * pt2 * (np.cosh(deta) - np.cos(dphi)))
    scale = np.where(signal, rng.normal(1, 0.12, n) * 80 / mass, 1.0)
    pt1, pt2 = pt1 * scale, pt2 * scale
    met = rng.gamma(2, 15, n) + 8 * signal
    X = np.stack([np.log(pt1), np.log(pt2), dphi, deta, np.log(met), rng.normal(size=n)], 1)
    return X, signal.astype(np.float32)


X_tr, y_tr = simulate(1600)
X_va, y_va = simulate(400)
prep = StandardScaler().fit(X_tr)
as_ds = lambda X, y: TensorDataset(torch.tensor(prep.transform(X), dtype=torch.float32), torch.from_numpy(y).unsqueeze(1))
train_loader = DataLoader(as_ds(X_tr, y_tr), batch_size=64, shuffle=True)
val_loader = DataLoader(as_ds(X_va, y_va), batch_size=400)


class DeepNet(nn.Module):
    def __init__(self, n_in, width=48, depth=9):
        super().__init__()
        layers = []
        for i in range(depth):
            layers += [nn.Linear(n_in if i == 0 else width, width), nn.Sigmoid()]  # fault
            # fixed: layers += [nn.Linear(n_in if i == 0 else width, width), nn.BatchNorm1d(width), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x))  # here


model = DeepNet(X_tr.shape[1])
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train(n_epochs=8):
    for epoch in range(n_epochs):
        model.train()
        total, count = 0.0, 0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total, count = total + loss.item(), count + 1
        model.eval()
        with torch.no_grad():
            for xb, yb in val_loader:
                acc = ((model(xb) > 0) == (yb > 0.5)).float().mean().item()
        print(f"{epoch:02d} loss={total / count:.4f} val_acc={acc:.3f}")
    return total / count


if __name__ == "__main__":
    print(train())
