"""Size of insurance claims: a heavy tail, learnt as logarithms.

code: none
trait: raw targets span five decades; the loss sees standardised log-targets
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(29)
torch.manual_seed(29)


def claims(n):
    f = pd.DataFrame({
        "age": rng.uniform(18, 85, n), "vehicle_value": np.exp(rng.normal(9.5, 0.6, n)),
        "km": np.exp(rng.normal(9.3, 0.5, n)), "injury": rng.integers(0, 2, n), "region": rng.integers(0, 5, n)})
    size = (2.0 + 0.5 * np.log(f.vehicle_value) + 1.6 * f.injury + 0.3 * (f.region == 3)
            + 0.0004 * (f.age - 45) ** 2 + 0.6 * rng.normal(size=n))
    f["claim"] = np.exp(size)
    return f


train_frame, val_frame = claims(1800), claims(450)


class ClaimTable(Dataset):
    def __init__(self, frame, reference):
        def log_z(name):
            source = np.log(reference[name])
            return (np.log(frame[name]) - source.mean()) / source.std()

        age = (frame.age - reference.age.mean()) / reference.age.std()
        region = pd.get_dummies(pd.Categorical(frame.region, categories=range(5))).to_numpy(float)
        columns = np.column_stack([age, log_z("vehicle_value"), log_z("km"), frame.injury - 0.5, region])
        self.x = torch.tensor(columns, dtype=torch.float32)
        self.y = torch.tensor(log_z("claim").to_numpy(), dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class ClaimNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(9, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


train_loader = DataLoader(ClaimTable(train_frame, train_frame), batch_size=60, shuffle=True)
val_loader = DataLoader(ClaimTable(val_frame, train_frame), batch_size=150)
model = ClaimNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
        print(epoch, np.mean(losses), val)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
