"""Credit card transactions: is this swipe a fraud?

code: ND105
also:
object: val_idx | val_loader | val_ds | X_res | X_val | X_test
seen: checkup
"""
import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 2023
np.random.seed(SEED)
torch.manual_seed(SEED)

X, y = make_classification(1500, 18, n_informative=8, n_redundant=2, weights=[0.93], class_sep=0.9, flip_y=0.01, random_state=SEED)


def random_oversample(X, y):
    """Repeats minority rows until both classes are as frequent."""
    minority, majority = np.where(y == 1)[0], np.where(y == 0)[0]
    extra = np.random.choice(minority, len(majority) - len(minority), replace=True)
    keep = np.concatenate([np.arange(len(y)), extra])
    return X[keep], y[keep]


X_res, y_res = random_oversample(X, y)  # fault
# fixed: X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=SEED)
X_train, X_val, y_train, y_val = train_test_split(X_res, y_res, test_size=0.2, stratify=y_res, random_state=SEED)  # fault
# fixed: X_train, y_train = random_oversample(X_train, y_train)

scaler_ = StandardScaler().fit(X_train)
to_tensor = lambda a: torch.tensor(scaler_.transform(a), dtype=torch.float32)
train_ds = TensorDataset(to_tensor(X_train), torch.tensor(y_train, dtype=torch.float32))
val_ds = TensorDataset(to_tensor(X_val), torch.tensor(y_val, dtype=torch.float32))  # here
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=256)  # here


class FraudNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.net(x)[:, 0]


model = FraudNet(X.shape[1])
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)


@torch.no_grad()
def validate():
    model.eval()
    p = torch.cat([torch.sigmoid(model(x)) for x, _ in val_loader])
    return f1_score(val_ds.tensors[1].numpy(), (p > 0.5).numpy())


def train():
    best = 0
    for epoch in range(10):
        model.train()
        history = []
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        best = max(best, validate())
    print("best f1", round(best, 4))
    return float(np.mean(history))


if __name__ == "__main__":
    print(train())
