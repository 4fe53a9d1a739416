"""Titanic-style survival prediction from the passenger table.

code: ND101
also:
object: Age | train_ds | X_train | train_loader | feats
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)
np.random.seed(42)


def load_passengers(n=800):
    """Same columns as the competition file."""
    pclass = np.random.choice([1, 2, 3], n, p=[0.25, 0.2, 0.55])
    sex = np.random.choice(["male", "female"], n, p=[0.64, 0.36])
    age = np.clip(np.random.normal(36 - 4 * pclass, 13, n), 0.5, 80).round()
    sibsp = np.random.poisson(0.5, n)
    parch = np.random.poisson(0.4, n)
    fare = np.exp(np.random.normal(4.3 - 0.7 * pclass, 0.4, n)).round(2)
    score = 2.6 * (sex == "female") - 0.9 * (pclass - 2) - 0.03 * (age - 28) - 0.3 * sibsp - 1.0
    survived = (np.random.rand(n) < 1 / (1 + np.exp(-score))).astype(int)
    df = pd.DataFrame(dict(Pclass=pclass, Sex=sex, Age=age, SibSp=sibsp, Parch=parch, Fare=fare, Survived=survived))
    df.loc[df.sample(frac=0.2, random_state=1).index, "Age"] = np.nan
    return df


df = load_passengers()
df["Sex"] = df["Sex"].map({"male": 0, "female": 1})
df["FamilySize"] = df["SibSp"] + df["Parch"] + 1
feats = ["Pclass", "Sex", "Age", "FamilySize", "Fare"]

train_df, val_df = train_test_split(df, test_size=0.2, random_state=0, stratify=df["Survived"])
X_train, X_val = train_df[feats].astype("float32"), val_df[feats].astype("float32")  # fault
# fixed: X_train, X_val = train_df[feats].astype("float32"), val_df[feats].astype("float32")
# fixed: X_train, X_val = X_train.fillna(X_train.median()), X_val.fillna(X_train.median())
mean, std = X_train.mean(), X_train.std()
X_train, X_val = (X_train - mean) / std, (X_val - mean) / std

train_ds = TensorDataset(torch.tensor(X_train.values), torch.tensor(train_df["Survived"].values).float())  # here
val_ds = TensorDataset(torch.tensor(X_val.values), torch.tensor(val_df["Survived"].values).float())  # here
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(val_ds, batch_size=64)


class TitanicNet(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.fc1 = nn.Linear(n_in, 32)
        self.fc2 = nn.Linear(32, 16)
        self.out = nn.Linear(16, 1)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        x = self.drop(torch.relu(self.fc1(x)))
        x = torch.relu(self.fc2(x))
        return self.out(x).squeeze(-1)


model = TitanicNet(len(feats))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=12):
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
            hits = sum(((model(xb) > 0).float() == yb).sum().item() for xb, yb in val_loader)
        acc = hits / len(val_ds)
    return running / len(train_ds)


if __name__ == "__main__":
    print(train())
