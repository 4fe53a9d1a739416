"""Flags fraudulent card swipes from anonymised components V1..V12 plus the amount.

code: ND107
also:
object: criterion | pos_weight | loss_fn | train_loader | y_train
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

SEED = 2023
np.random.seed(SEED)
torch.manual_seed(SEED)

# ---- load "transactions" --------------------------------------------------
N, N_FRAUD = 5000, 75
V = np.random.randn(N, 12)
amount = np.exp(np.random.randn(N, 1) * 0.6 + 3.0)
Class = np.zeros(N)
fraud_rows = np.random.choice(N, N_FRAUD, replace=False)
Class[fraud_rows] = 1
V[fraud_rows] += np.array([-1.0, 0.9, -1.1, 0.8, 0, 0, -0.7, 0, 0, -0.9, 0.6, 0])
amount[fraud_rows] *= 1.3
X = np.hstack([V, np.log1p(amount)])

X_train, X_test, y_train, y_test = train_test_split(  # here
    X, Class, test_size=0.2, random_state=SEED, stratify=Class)
scaler_x = StandardScaler().fit(X_train)
X_train, X_test = scaler_x.transform(X_train), scaler_x.transform(X_test)


def to_ds(a, b):
    return TensorDataset(torch.tensor(a, dtype=torch.float32),
                         torch.tensor(b, dtype=torch.float32).unsqueeze(1))


train_loader = DataLoader(to_ds(X_train, y_train), batch_size=128, shuffle=True)  # here
val_loader = DataLoader(to_ds(X_test, y_test), batch_size=500)

model = nn.Sequential(
    nn.Linear(13, 32), nn.ReLU(), nn.Dropout(0.1),
    nn.Linear(32, 16), nn.ReLU(),
    nn.Linear(16, 1),
)
criterion = nn.BCEWithLogitsLoss()  # fault
# fixed: n_pos = float(y_train.sum())
# fixed: criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([(len(y_train) - n_pos) / n_pos]))
loss_fn = criterion  # here
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def test():
    model.eval()
    hits = right = total = 0
    with torch.no_grad():
        for xb, yb in val_loader:
            flagged = (torch.sigmoid(model(xb)) > 0.5).float()
            right += (flagged == yb).sum().item()
            hits += (flagged * yb).sum().item()
            total += len(yb)
    return right / total, hits / y_test.sum()


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        running = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(xb)
        acc, recall = test()
        print(f"epoch {epoch}: loss {running / len(y_train):.4f}  accuracy {acc:.4f}  recall {recall:.3f}")
    return running / len(y_train)


if __name__ == "__main__":
    print(train())
