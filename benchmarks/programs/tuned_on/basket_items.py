"""Will the customer return? Order lines (price in cents x quantity) aggregated with pandas, then a small MLP.

code: ND111
also:
object: spend | line_total | build_features | int16 | cents
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FEATURES = ["log_spend", "lines", "days_since", "discount_share", "weekend"]


def shrink(df):
    """fewer bytes, as in every kernel"""
    for c in df.columns:
        if df[c].dtype == np.int64:
            for small in (np.int8, np.int16, np.int32):
                if df[c].max() <= np.iinfo(small).max and df[c].min() >= np.iinfo(small).min:
                    df[c] = df[c].astype(small)
                    break
    return df


def order_lines(n_customers, seed):
    rng = np.random.default_rng(seed)
    n_lines = rng.integers(1, 6, n_customers)
    customer = np.repeat(np.arange(n_customers), n_lines)
    wealth = rng.normal(0, 0.6, n_customers)[customer]
    return shrink(pd.DataFrame({
        "customer": customer,
        "cents": (np.exp(rng.normal(8.0, 0.5, len(customer)) + wealth)).clip(50, 30000).astype(np.int64),
        "quantity": rng.integers(1, 9, len(customer)),
        "discounted": rng.integers(0, 2, len(customer)),
        "days_since": rng.integers(1, 120, n_customers)[customer],
        "weekend": rng.integers(0, 2, n_customers)[customer],
        "truth": wealth,
    }))


def build_features(lines):
    line_total = lines["cents"] * lines["quantity"]  # fault
    # fixed: line_total = lines["cents"].astype("int64") * lines["quantity"]
    lines = lines.assign(total=line_total.astype("float64"))
    by = lines.groupby("customer")
    out = pd.DataFrame({
        "log_spend": np.log1p(by["total"].sum().clip(lower=0)),
        "lines": by.size().astype(float),
        "days_since": by["days_since"].first().astype(float),
        "discount_share": by["discounted"].mean(),
        "weekend": by["weekend"].first().astype(float),
    })
    return out


orders = order_lines(1500, 3)
table = build_features(orders)  # here
real_spend = np.log1p((orders["cents"].astype(float) * orders["quantity"]).groupby(orders["customer"]).sum())
noise = np.random.default_rng(9).normal(0, 0.4, len(table))
returns = ((real_spend - real_spend.mean()) - (table["days_since"] - 60) / 60 + noise > 0).astype("float32").values

rows = np.random.default_rng(1).permutation(len(table))
fit, held = rows[:1200], rows[1200:]
X = table[FEATURES].values
X = ((X - X[fit].mean(0)) / X[fit].std(0)).astype("float32")
train_loader = DataLoader(TensorDataset(torch.tensor(X[fit]), torch.tensor(returns[fit])[:, None]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.tensor(X[held]), torch.tensor(returns[held])[:, None]), batch_size=300)

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(len(FEATURES), 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-5)


def train():
    for epoch in range(12):
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
            x, y = next(iter(val_loader))
            val = loss_fn(model(x), y).item()
    model.train()
    print("val", val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
