"""Yield of a rooftop solar plant from the weather log (hourly, with gaps in the sensors).

code: ND104
also:
object: y | kwh | targets | train_loader | load_log
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split


def make_log(hours=1200, seed=3):
    rng = np.random.default_rng(seed)
    h = np.arange(hours)
    sun = np.clip(np.sin((h % 24 - 6) / 12 * np.pi), 0, None)
    cloud = np.clip(0.5 + 0.3 * np.sin(h / 37) + 0.2 * rng.standard_normal(hours), 0, 1)
    temp = 12 + 8 * np.sin((h % 24 - 9) / 24 * 2 * np.pi) + rng.standard_normal(hours)
    log = pd.DataFrame(dict(sun=sun, cloud=cloud, temp=temp, wind=rng.gamma(2, 2, hours)))
    log["kwh"] = 5 * sun * (1 - 0.75 * cloud) * (1 - 0.01 * (temp - 12)) + 0.05 * rng.standard_normal(hours)
    holes = rng.random(hours) < 0.03
    log.loc[holes, "cloud"] = np.nan
    return log


def load_log(log):
    X = log[["sun", "cloud", "temp", "wind"]].dropna()
    y = log["kwh"][: len(X)]  # fault
    # fixed: y = log["kwh"].loc[X.index]
    return X.to_numpy(), y.to_numpy()  # here


X, y = load_log(make_log())  # here
X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=0.2, random_state=0)
mx, sx, my, sy = X_tr.mean(0), X_tr.std(0), y_tr.mean(), y_tr.std()
as_t = lambda a: torch.tensor(a, dtype=torch.float32)
make = lambda a, b: torch.utils.data.TensorDataset(as_t((a - mx) / sx), as_t((b - my) / sy))
train_loader = torch.utils.data.DataLoader(make(X_tr, y_tr), 32, shuffle=True)  # here
val_loader = torch.utils.data.DataLoader(make(X_va, y_va), 256)


class YieldNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.a = nn.Linear(d, 32)
        self.b = nn.Linear(32, 32)
        self.c = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.nn.functional.silu(self.a(x))
        x = x + torch.nn.functional.silu(self.b(x))
        return self.c(x).squeeze(-1)


torch.manual_seed(0)
model = YieldNet(4)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 14, eta_min=4e-4)


def train():
    for epoch in range(14):
        model.train()
        n = s = 0
        for x, t in train_loader:
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            s += loss.item() * len(x); n += len(x)
        scheduler.step()
    model.eval()
    with torch.no_grad():
        x, t = next(iter(val_loader))
        print("explained on validation:", 1 - loss_fn(model(x), t).item() / t.var().item())
    return s / n


if __name__ == "__main__":
    print(train())
