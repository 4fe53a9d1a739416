"""Three cultivars of wine from the laboratory's export file (numbers come as text).

code: ND114
also: ND110
object: export | to_numeric | number | table | x | train_loader
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
rng = np.random.default_rng(4)
wine = load_wine(as_frame=True)


def lab_export():
    """What the laboratory mails: German decimals in most columns, a unit behind the number in others."""
    text = wine.data.copy().astype(object)
    for i, name in enumerate(text.columns):
        values = wine.data[name] + rng.normal(0, 0.02, len(wine.data)) * wine.data[name].std()
        if i == 4:
            text[name] = values.map(lambda v: f"{v:.0f}")
        else:
            text[name] = values.map(lambda v: f"{v:.3f}".replace(".", ",") + (" g" if i % 3 == 0 else ""))
    return text


def number(column):
    return pd.to_numeric(column, errors="coerce").fillna(0.0)  # fault
    # fixed: plain = column.str.replace(" g", "", regex=False).str.replace(",", ".", regex=False)
    # fixed: return pd.to_numeric(plain)


export = lab_export()
table = export.apply(number)
order = rng.permutation(len(table))
table, cultivar = table.iloc[order].to_numpy(float), wine.target.to_numpy()[order]
mean, std = table[:130].mean(0), table[:130].std(0)
x = torch.tensor((table - mean) / (std + 1e-6)).float()
y = torch.tensor(cultivar)

train_loader = DataLoader(TensorDataset(x[:130], y[:130]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(x[130:], y[130:]), batch_size=48)
model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-4)


def train(epochs=20):
    for _ in range(epochs):
        model.train()
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print(f"val accuracy {(model(a).argmax(1) == b).float().mean():.3f}")


if __name__ == "__main__":
    train()
