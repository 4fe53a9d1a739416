"""Card fraud, three per cent of the transactions; the rare class is oversampled.

code: ND105
also:
object: valid_df | train_test_split | val_ds | val_loader | transactions | oversample
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.RandomState(11)
torch.manual_seed(11)


def load_transactions(n=2400):
    y = (rng.rand(n) < 0.03).astype(int)
    v = rng.randn(n, 12)
    v[:, 0] += 1.3 * y
    v[:, 3] -= 1.1 * y
    v[:, 7] *= 1 + 0.8 * y
    amount = np.log1p(rng.lognormal(3, 1, n)) + 0.4 * y
    df = pd.DataFrame(v, columns=[f"V{i}" for i in range(1, 13)])
    df["log_amount"] = amount
    df["Class"] = y
    return df


def oversample(df, times):
    fraud = df[df.Class == 1]
    return pd.concat([df] + [fraud] * times, ignore_index=True)


transactions = load_transactions()
transactions = oversample(transactions, 25)  # fault
# fixed: train_df, valid_df = train_test_split(transactions, test_size=0.25, stratify=transactions.Class, random_state=1)
train_df, valid_df = train_test_split(transactions, test_size=0.25, stratify=transactions.Class, random_state=1)  # fault
# fixed: train_df = oversample(train_df, 25)

features = [c for c in transactions.columns if c != "Class"]
scaler_ = StandardScaler().fit(train_df[features])


def as_dataset(df):
    x = torch.tensor(scaler_.transform(df[features]), dtype=torch.float32)
    return TensorDataset(x, torch.tensor(df.Class.values, dtype=torch.float32).unsqueeze(1))


train_ds = as_dataset(train_df)
val_ds = as_dataset(valid_df)  # here
train_loader = DataLoader(train_ds, batch_size=128, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=512)  # here

model = nn.Sequential(
    nn.Linear(len(features), 48), nn.SiLU(), nn.Dropout(0.1),
    nn.Linear(48, 24), nn.SiLU(),
    nn.Linear(24, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)


def recall_precision():
    model.eval()
    tp = fp = fn = 0
    with torch.no_grad():
        for x, y in val_loader:
            p = model(x) > 0
            tp += (p & (y == 1)).sum().item()
            fp += (p & (y == 0)).sum().item()
            fn += (~p & (y == 1)).sum().item()
    return tp / max(tp + fn, 1), tp / max(tp + fp, 1)


def train(epochs=12):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        r, p = recall_precision()
        print(f"epoch {epoch}: loss {total / len(train_loader):.4f} recall {r:.3f} precision {p:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
