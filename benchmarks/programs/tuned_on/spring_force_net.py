"""Force of a worn spring against its stretch, fitted by Chebyshev polynomials.

code: ND703
also:
object: DEGREE | design | model
seen: watch
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

DEGREE = 60  # fault
# fixed: DEGREE = 4
rng = np.random.default_rng(83)
stretch = rng.uniform(-1, 1, 340)
force = 1.2 * stretch - 1.5 * stretch**3 + 0.5 * stretch**2
force = (force - force.mean()) / force.std() + 0.4 * rng.normal(size=340)


def design(s, degree):
    return torch.tensor(np.polynomial.chebyshev.chebvander(s, degree)[:, 1:]).float()


x = design(stretch, DEGREE)  # here
y = torch.tensor(force).float()[:, None]
train_loader = DataLoader(TensorDataset(x[:40], y[:40]), batch_size=10, shuffle=True)
val_loader = DataLoader(TensorDataset(x[40:], y[40:]), batch_size=300)

torch.manual_seed(83)
model = nn.Linear(DEGREE, 1)
nn.init.normal_(model.weight, std=0.01)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
history = []


def train():
    for epoch in range(140):
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        with torch.no_grad():
            for a, b in val_loader:
                history.append(loss_fn(model(a), b).item())


if __name__ == "__main__":
    train()
