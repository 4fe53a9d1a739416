"""Who survived the sinking: a passenger manifest as a table (pandas), two hidden layers.

code: ND101
also:
object: age | df | features | X | X_train | train_set | train_loader
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(42)
torch.manual_seed(42)

# ---- the manifest -------------------------------------------------------
N = 891
df = pd.DataFrame({
    "pclass": np.random.choice([1, 2, 3], N, p=[0.24, 0.21, 0.55]),
    "sex": np.random.choice(["male", "female"], N, p=[0.65, 0.35]),
    "age": np.random.gamma(6, 5, N).clip(1, 80).round(),
    "sibsp": np.random.poisson(0.5, N),
    "parch": np.random.poisson(0.4, N),
    "embarked": np.random.choice(["S", "C", "Q"], N, p=[0.72, 0.19, 0.09]),
})
df["fare"] = (np.random.lognormal(2.0, 0.5, N) * (4 - df["pclass"]) ** 1.3).round(2)
logit = 2.6 * (df["sex"] == "female") - 0.9 * (df["pclass"] - 2) - 0.04 * (df["age"] - 28) - 1.3
df["survived"] = (np.random.rand(N) < 1 / (1 + np.exp(-logit))).astype(int)
df.loc[np.random.rand(N) < 0.2, "age"] = np.nan

# ---- features -----------------------------------------------------------
df["family"] = df["sibsp"] + df["parch"] + 1
df["sex"] = df["sex"].map({"male": 0, "female": 1})
df["fare"] = np.log1p(df["fare"])
df = pd.get_dummies(df, columns=["embarked", "pclass"], dtype=float)

n_train = 700
features = df.drop(columns=["survived", "sibsp", "parch"])  # fault
# fixed: df["age"] = df["age"].fillna(df["age"][:n_train].median())
# fixed: features = df.drop(columns=["survived", "sibsp", "parch"])
mean, std = features[:n_train].mean(), features[:n_train].std()
X = ((features - mean) / std).to_numpy(dtype=np.float32)  # here
y = df["survived"].to_numpy(dtype=np.float32)

X_train, X_val = torch.from_numpy(X[:n_train]), torch.from_numpy(X[n_train:])
y_train, y_val = torch.from_numpy(y[:n_train]).unsqueeze(1), torch.from_numpy(y[n_train:]).unsqueeze(1)
train_set = TensorDataset(X_train, y_train)  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(X_val, y_val), batch_size=64)

model = nn.Sequential(
    nn.Linear(X.shape[1], 32), nn.ReLU(),
    nn.Linear(32, 16), nn.ReLU(),
    nn.Linear(16, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        running = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(xb)
        model.eval()
        with torch.no_grad():
            right = sum(((model(xb) > 0).float() == yb).sum().item() for xb, yb in val_loader)
        print(f"epoch {epoch}: loss {running / n_train:.3f}, val acc {right / len(y_val):.3f}")
    return running / n_train


if __name__ == "__main__":
    print(train())
