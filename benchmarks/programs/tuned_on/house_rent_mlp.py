"""Monthly rent from the facts of a listing (a table of 2000 adverts, MLP regression).

code: ND102
also:
object: X_train | train_loader | train_ds | area_sqft | year_built | dist_center_m | column 0 | column 2 | column 3 | inputs
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.model_selection import train_test_split

torch.manual_seed(42)
rng = np.random.default_rng(42)

n = 2000
df = pd.DataFrame({
    "area_sqft": rng.normal(950, 320, n).clip(280, 2600),
    "bedrooms": rng.integers(0, 5, n),
    "year_built": rng.integers(1925, 2022, n),
    "dist_center_m": rng.gamma(2.0, 3200.0, n),
    "floor": rng.integers(0, 21, n),
    "has_parking": rng.integers(0, 2, n),
})
df["rent"] = (
    350 + 1.1 * df.area_sqft + 90 * df.bedrooms + 4.0 * (df.year_built - 1925)
    - 0.035 * df.dist_center_m + 6 * df.floor + 120 * df.has_parking
    + rng.normal(0, 60, n)
)

features = [c for c in df.columns if c != "rent"]
train_df, val_df = train_test_split(df, test_size=0.2, random_state=42)
X_train = train_df[features].to_numpy(np.float32)
X_val = val_df[features].to_numpy(np.float32)
y_mean, y_std = train_df.rent.mean(), train_df.rent.std()
y_train = ((train_df.rent - y_mean) / y_std).to_numpy(np.float32)[:, None]
y_val = ((val_df.rent - y_mean) / y_std).to_numpy(np.float32)[:, None]

train_ds = TensorDataset(torch.from_numpy(X_train), torch.from_numpy(y_train))  # fault
# fixed: mu, sd = X_train.mean(0), X_train.std(0)
# fixed: X_train, X_val = (X_train - mu) / sd, (X_val - mu) / sd
# fixed: train_ds = TensorDataset(torch.from_numpy(X_train), torch.from_numpy(y_train))
val_ds = TensorDataset(torch.from_numpy(X_val), torch.from_numpy(y_val))
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)  # here
val_loader = DataLoader(val_ds, batch_size=256)

model = nn.Sequential(
    nn.Linear(len(features), 64), nn.ReLU(),
    nn.Linear(64, 32), nn.ReLU(),
    nn.Linear(32, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=15):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for xb, yb in train_loader:  # here
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(xb), yb).item() * len(xb) for xb, yb in val_loader) / len(val_ds)
        print(f"epoch {epoch + 1}: train {total / len(train_ds):.4f}  val {val:.4f}  rmse ${val ** 0.5 * y_std:.0f}")
    return total / len(train_ds)


if __name__ == "__main__":
    print(train())
