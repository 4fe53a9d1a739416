"""Inverse dynamics of a two-link arm: (q, dq, ddq) -> both joint torques.

code: ND205
also: ND704
object: net | model | layers | fc1 | fc2 | fc3 | TorqueNet
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(31)
torch.manual_seed(31)


def torques(q, dq, ddq, m1=1.0, m2=0.8, l1=0.5, l2=0.4, g=9.81):
    c2, s2 = np.cos(q[:, 1]), np.sin(q[:, 1])
    m11 = (m1 + m2) * l1**2 + m2 * l2**2 + 2 * m2 * l1 * l2 * c2
    m12 = m2 * l2**2 + m2 * l1 * l2 * c2
    h = m2 * l1 * l2 * s2
    g1 = (m1 + m2) * g * l1 * np.cos(q[:, 0]) + m2 * g * l2 * np.cos(q.sum(1))
    g2 = m2 * g * l2 * np.cos(q.sum(1))
    t1 = m11 * ddq[:, 0] + m12 * ddq[:, 1] - h * (2 * dq[:, 0] * dq[:, 1] + dq[:, 1] ** 2) + g1
    t2 = m12 * ddq[:, 0] + m2 * l2**2 * ddq[:, 1] + h * dq[:, 0] ** 2 + g2
    return np.stack([t1, t2], 1)


N = 2000
q = rng.uniform(-np.pi, np.pi, (N, 2))
dq = rng.normal(0, 1.5, (N, 2))
ddq = rng.normal(0, 2.0, (N, 2))
inputs = np.concatenate([q, dq, ddq], 1)
targets = torques(q, dq, ddq)

x_mu, x_sd = inputs[:1600].mean(0), inputs[:1600].std(0)
t_mu, t_sd = targets[:1600].mean(0), targets[:1600].std(0)
X = torch.from_numpy((inputs - x_mu) / x_sd).float()
T = torch.from_numpy((targets - t_mu) / t_sd).float()
train_loader = DataLoader(TensorDataset(X[:1600], T[:1600]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1600:], T[1600:]), batch_size=200)


class TorqueNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 64)  # here
        self.fc2 = nn.Linear(64, 64)  # here
        self.fc3 = nn.Linear(64, 2)

    def forward(self, x):
        x = self.fc1(x)  # fault
        # fixed: x = torch.tanh(self.fc1(x))
        x = self.fc2(x)  # fault
        # fixed: x = torch.tanh(self.fc2(x))
        return self.fc3(x)


model = TorqueNet()  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(20):
        model.train()
        s = 0.0
        for x, t in train_loader:
            pred = model(x)
            loss = loss_fn(pred, t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.inference_mode():
            v = sum(loss_fn(model(x), t).item() for x, t in val_loader) / len(val_loader)
    return s / len(train_loader)


if __name__ == "__main__":
    print("torque mse", train())
