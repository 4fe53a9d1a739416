"""Which phone customers leave: minority class repeated up to balance, small net with batch-norm.

code: ND105
also:
object: val_loader | val_ds | X_val | X_bal | resample | train_test_split
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = make_classification(n_samples=1500, n_features=18, n_informative=9, n_redundant=3, weights=[0.82],
                           class_sep=0.9, flip_y=0.03, random_state=11)


def oversample(X, y):
    """Repeats the leavers until both classes have as many rows."""
    stay, leave = X[y == 0], X[y == 1]
    leave_up = resample(leave, replace=True, n_samples=len(stay), random_state=11)
    return np.vstack([stay, leave_up]), np.r_[np.zeros(len(stay)), np.ones(len(leave_up))].astype(int)


X_bal, y_bal = oversample(X, y)  # fault
# fixed: X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, stratify=y, random_state=11)
X_train, X_val, y_train, y_val = train_test_split(X_bal, y_bal, test_size=0.25, stratify=y_bal, random_state=11)  # fault
# fixed: X_train, y_train = oversample(X_train, y_train)

scaler = StandardScaler().fit(X_train)
X_train, X_val = scaler.transform(X_train), scaler.transform(X_val)


def to_loader(X, y, shuffle):
    ds = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.long))
    return DataLoader(ds, batch_size=64, shuffle=shuffle)


train_loader = to_loader(X_train, y_train, True)
val_loader = to_loader(X_val, y_val, False)  # here


class ChurnNet(nn.Module):
    def __init__(self, d_in, hidden=48):
        super().__init__()
        self.fc1 = nn.Linear(d_in, hidden)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.fc2 = nn.Linear(hidden, hidden // 2)
        self.out = nn.Linear(hidden // 2, 2)

    def forward(self, x):
        x = F.relu(self.bn1(self.fc1(x)))
        x = F.relu(self.fc2(x))
        return self.out(x)


model = ChurnNet(X.shape[1])
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def train():
    for epoch in range(14):
        model.train()
        running = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        tp = fp = fn = 0
        with torch.no_grad():
            for xb, yb in val_loader:
                p = model(xb).argmax(1)
                tp += ((p == 1) & (yb == 1)).sum().item()
                fp += ((p == 1) & (yb == 0)).sum().item()
                fn += ((p == 0) & (yb == 1)).sum().item()
        print(epoch, round(running / len(train_loader), 4), "val F1", round(2 * tp / max(1, 2 * tp + fp + fn), 3))
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
