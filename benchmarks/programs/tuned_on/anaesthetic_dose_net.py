"""How much of a drug does a patient need? Dose from age, weight, kidney value and blood pressure.

code: ND115
also:
object: patients | sort_values | age | val_loader | val_part | train_part
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(6)
torch.manual_seed(6)
N = 1200
patients = pd.DataFrame({
    "age": rng.uniform(18, 90, N),
    "weight": rng.normal(75, 13, N),
    "creatinine": rng.gamma(8, 0.12, N),
    "pressure": rng.normal(130, 15, N),
})
patients["dose"] = (2.0 * patients.weight * np.where(patients.age < 60, 1.0, 1.0 - (patients.age - 60) / 40)
                    - 15 * patients.creatinine + 0.2 * patients.pressure + rng.normal(0, 4, N))
patients = patients.sort_values("age").reset_index(drop=True)  # fault
# fixed: patients = patients.sample(frac=1, random_state=6).reset_index(drop=True)

split = int(0.75 * N)
train_part, val_part = patients.iloc[:split], patients.iloc[split:]  # here
mean, std = train_part.mean(), train_part.std()


def tensors(part):
    z = ((part - mean) / std).astype("float32")
    return TensorDataset(torch.tensor(z.drop(columns="dose").values), torch.tensor(z["dose"].values))


train_loader = DataLoader(tensors(train_part), batch_size=30, shuffle=True)
val_loader = DataLoader(tensors(val_part), batch_size=100)  # here


class DoseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x))).squeeze(-1)


model = DoseNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def epoch(loader, learn):
    model.train(learn)
    losses = []
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            loss = loss_fn(model(x), y)
            losses.append(loss.item())
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return np.mean(losses)


def train():
    for _ in range(25):
        a, b = epoch(train_loader, True), epoch(val_loader, False)
    print(f"train {a:.3f} val {b:.3f}")


if __name__ == "__main__":
    train()
