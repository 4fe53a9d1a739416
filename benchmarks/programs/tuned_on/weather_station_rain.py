"""Rain in the next hour from a weather station's hourly table, after a gradient-boosting notebook.

code: ND114
also: ND102
object: humidity | dew_point | wind | X | df
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 7
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)


def load_station(n=1600):
    temperature = 12 + 8 * rng.standard_normal(n)
    humidity = np.clip(68 + 14 * rng.standard_normal(n), 20, 100)
    dew_point = temperature - (100 - humidity) / 5 + 0.4 * rng.standard_normal(n)
    pressure = 1013 + 7 * rng.standard_normal(n)
    wind = rng.gamma(3.0, 1.6, n)
    score = 0.12 * (humidity - 70) - 0.16 * (pressure - 1012) + 0.35 * (wind - 4.8)
    rain = (score + 0.5 * rng.standard_normal(n) > 0).astype(np.float32)
    table = pd.DataFrame({"temperature": temperature, "humidity": humidity, "dew_point": dew_point,
                          "pressure": pressure, "wind": wind})
    for column, share in [("humidity", 0.06), ("dew_point", 0.06), ("wind", 0.04)]:
        table.loc[rng.random(n) < share, column] = np.nan  # the logger was off
    return table, rain


df, rain = load_station()
n_train = 1280

# missing values
df = df.fillna(-999)  # fault
# fixed: df = df.fillna(df.iloc[:n_train].median())

scaler = StandardScaler().fit(df.iloc[:n_train])  # here
X = scaler.transform(df).astype("float32")  # here
y = rain[:, None]

train_ds = TensorDataset(torch.from_numpy(X[:n_train]), torch.from_numpy(y[:n_train]))
valid_ds = TensorDataset(torch.from_numpy(X[n_train:]), torch.from_numpy(y[n_train:]))
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
val_loader = DataLoader(valid_ds, batch_size=256)

model = nn.Sequential(
    nn.Linear(5, 32), nn.ReLU(),
    nn.Linear(32, 16), nn.ReLU(),
    nn.Linear(16, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def valid():
    model.eval()
    right = sum(((model(a) > 0) == (b > 0.5)).sum().item() for a, b in val_loader)
    return right / len(valid_ds)


def train(n_epochs=10):
    for epoch in range(n_epochs):
        model.train()
        losses = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch:2d} loss {np.mean(losses):.4f} acc {valid():.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
