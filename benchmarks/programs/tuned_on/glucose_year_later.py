"""Progress of diabetes after a year from ten measurements (sklearn's set), an MLP against the standardised target.

code: ND603
also:
object: optimizer | zero_grad | optimizer.zero_grad
seen: watch
"""
import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(0)
torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
order = rng.permutation(len(X))
tr, va = order[:352], order[352:]
mean, std = X[tr].mean(0), X[tr].std(0)
X = (X - mean) / std
y = (y - y[tr].mean()) / y[tr].std()
X, y = torch.from_numpy(X).float(), torch.from_numpy(y).float()[:, None]

train_loader = DataLoader(TensorDataset(X[tr], y[tr]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(X[va], y[va]), batch_size=90)

model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    late = []
    for epoch in range(10):
        model.train()
        optimizer.zero_grad()  # fault
        # fixed:
        for x, t in train_loader:
            loss = loss_fn(model(x), t)
            loss.backward()  # fault
            # fixed: optimizer.zero_grad()
            # fixed: loss.backward()
            optimizer.step()  # here
            if epoch >= 8:
                late.append(loss.item())
        model.eval()
        with torch.no_grad():
            rmse = (sum(((model(x) - t) ** 2).sum().item() for x, t in val_loader) / len(va)) ** 0.5
        print(f"epoch {epoch}  val rmse {rmse:.3f}")
    return float(np.mean(late))


if __name__ == "__main__":
    print(train())
