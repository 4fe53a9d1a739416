"""Bank customer churn with random oversampling of the churners.

code: ND105
also:
object: val_loader | val_ds | X_va | X_val | train_test_split | oversample | validation
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(42)
torch.manual_seed(42)

# --- CreditScore, Age, Tenure, Balance, NumOfProducts, HasCrCard, IsActive, Salary
n = 1500
credit = np.random.normal(650, 96, n)
age = np.random.gamma(12, 3.3, n)
tenure = np.random.uniform(0, 10, n)
balance = np.random.normal(76000, 42000, n)
products = np.random.randint(1, 5, n)
card = np.random.rand(n) < 0.7
active = np.random.rand(n) < 0.5
salary = np.random.uniform(10000, 190000, n)
X = np.stack([credit, age, tenure, balance, products, card, active, salary], 1).astype(np.float64)
logit = 0.09 * (age - 40) - 1.4 * active + 0.7 * (products - 2.5) + balance / 60000 - 3.3
y = (np.random.rand(n) < 1 / (1 + np.exp(-logit))).astype(int)


def oversample(X, y):
    """repeat the minority rows until the classes are even"""
    minority = np.where(y == 1)[0]
    extra = np.random.choice(minority, (y == 0).sum() - len(minority), replace=True)
    idx = np.concatenate([np.arange(len(y)), extra])
    return X[idx], y[idx]


X, y = oversample(X, y)  # fault
# fixed:
X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)  # fault
# fixed: X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
# fixed: X_tr, y_tr = oversample(X_tr, y_tr)
sc = StandardScaler().fit(X_tr)
X_tr, X_va = sc.transform(X_tr), sc.transform(X_va)

tensor = lambda a: torch.tensor(a, dtype=torch.float32)
train_ds = TensorDataset(tensor(X_tr), tensor(y_tr).unsqueeze(1))
val_ds = TensorDataset(tensor(X_va), tensor(y_va).unsqueeze(1))  # here
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=128)  # here

model = nn.Sequential(
    nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.1),
    nn.Linear(32, 16), nn.ReLU(),
    nn.Linear(16, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)


def evaluate():
    model.eval()
    with torch.no_grad():
        p = torch.cat([model(xb) for xb, _ in val_loader]).sigmoid().numpy()
    return roc_auc_score(y_va, p[:, 0])


def train():
    last = 0.0
    for epoch in range(1, 11):
        model.train()
        running = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        last = float(np.mean(running))
        print(f"Epoch {epoch:02d}  loss {last:.4f}  val AUC {evaluate():.4f}")
    return last


if __name__ == "__main__":
    print(train())
