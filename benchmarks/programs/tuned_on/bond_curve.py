"""Yields at eight maturities from macro factors; learning rate after the linear scaling rule (reference batch 256).

code: ND604
also: ND706
object: optimizer | lr | BASE_LR
seen: both
"""
import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(12)
factors = rng.standard_normal((2000, 6))
tenors = np.array([0.5, 1, 2, 3, 5, 7, 10, 30])
lam = 0.6
load = np.stack([np.ones(8), (1 - np.exp(-lam * tenors)) / (lam * tenors), (1 - np.exp(-lam * tenors)) / (lam * tenors) - np.exp(-lam * tenors)])
beta = np.stack([factors[:, 0] + 0.3 * factors[:, 3], factors[:, 1] * 0.7 - 0.2 * factors[:, 4] ** 2, np.tanh(factors[:, 2] + factors[:, 5])], 1)
yields = beta @ load + 0.02 * rng.standard_normal((2000, 8))
yields = (yields - yields[:1600].mean(0)) / yields[:1600].std(0)

x, y = (torch.as_tensor(a, dtype=torch.float32) for a in (factors, yields))
torch.manual_seed(12)
BATCH, BASE_LR = 64, 0.1
lr = BASE_LR * BATCH  # fault
# fixed: lr = BASE_LR * BATCH / 256
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:1600], y[:1600]), BATCH, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[1600:], y[1600:]), 200)


class Curve(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, 32), nn.LayerNorm(32), nn.Tanh(), nn.Linear(32, 3))
        self.loadings = nn.Linear(3, 8)

    def forward(self, f):
        return self.loadings(self.trunk(f))


model, loss_fn = Curve(), nn.SmoothL1Loss()
optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True)  # here


def train():
    for epoch in range(12):
        model.train()
        train_loss = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            train_loss += loss.item() / len(train_loader)
        model.eval()
        with torch.inference_mode():
            val = np.average([loss_fn(model(a), b).item() for a, b in val_loader])
    return train_loss


if __name__ == "__main__":
    print(train())
