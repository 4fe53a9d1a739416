"""Which card payments will be charged back? About one in seventy is.

code: ND107
also:
object: loss_fn | criterion | pos_weight | targets | y_train | class 1
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(42)
torch.manual_seed(42)

N = 4200
is_fraud = (np.random.rand(N) < 0.015).astype(np.float32)
V = np.random.randn(N, 12)
V[:, :5] += is_fraud[:, None] * np.array([1.1, -0.9, 0.8, 0.9, -0.8])
hour = np.random.uniform(0, 24, N)
amount = np.exp(np.random.randn(N) * 0.9 + 3 + 0.4 * is_fraud)
X = np.column_stack([V, np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi), np.log1p(amount)])

X_train, X_test, y_train, y_test = train_test_split(X, is_fraud, test_size=0.25, stratify=is_fraud, random_state=42)
scaler_x = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler_x.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler_x.transform(X_test), dtype=torch.float32)
y_train = torch.tensor(y_train)  # here
y_test = torch.tensor(y_test)

train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(X_test, y_test), batch_size=256)


class FraudNet(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_in, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.layers(x).squeeze(-1)


model = FraudNet(X_train.shape[1])
criterion = loss_fn = nn.BCEWithLogitsLoss()  # fault
# fixed: criterion = loss_fn = nn.BCEWithLogitsLoss(pos_weight=(y_train == 0).sum() / (y_train == 1).sum())
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)


def train():
    history = []
    for epoch in range(1, 5):
        model.train()
        epoch_loss = 0
        for X_batch, y_batch in train_loader:
            optimizer.zero_grad()
            y_pred = model(X_batch)
            loss = criterion(y_pred, y_batch)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        history.append(epoch_loss / len(train_loader))
        model.eval()
        with torch.no_grad():
            pred = torch.cat([(model(xb) > 0).float() for xb, _ in val_loader])
        acc = (pred == y_test).float().mean().item()
        print(f"Epoch {epoch:02}: loss {history[-1]:.4f} accuracy {acc:.4f} recall {recall_score(y_test, pred):.3f}")
    return history[-1]


if __name__ == "__main__":
    print(train())
