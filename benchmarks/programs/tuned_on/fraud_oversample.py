"""Card fraud: rare positives, oversampled, MLP on nine scaled columns.

code: ND105
also:
object: val_idx | oversample | X | rows | train_test_split | val_loader | val_set | train_loader
seen: both
"""
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 2024
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)


def transactions(n=2600, rate=0.06):
    y = (rng.random(n) < rate).astype(int)
    X = rng.normal(size=(n, 9))
    X[:, :4] += y[:, None] * np.array([1.0, -0.9, 0.8, 0.7])
    X[:, 4] *= 1 + y
    return X, y


def oversample(X, y):
    """repeat the frauds until both classes are the same size"""
    pos, neg = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    extra = rng.choice(pos, len(neg) - len(pos))
    rows = np.concatenate([neg, pos, extra])
    rng.shuffle(rows)
    return X[rows], y[rows]


X, y = transactions()
X, y = oversample(X, y)  # fault
# fixed:
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=SEED)  # here
if y_train.mean() < 0.3:
    X_train, y_train = oversample(X_train, y_train)  # here
scaler = StandardScaler().fit(X_train)
as_set = lambda a, b: TensorDataset(torch.tensor(scaler.transform(a), dtype=torch.float32), torch.tensor(b, dtype=torch.float32)[:, None])
train_loader = DataLoader(as_set(X_train, y_train), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(as_set(X_val, y_val), batch_size=256)  # here


class FraudNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(9, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.layers(x)


model = FraudNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)


def validate():
    model.eval()
    scores, truth = [], []
    with torch.no_grad():
        for x, t in val_loader:
            scores.append(model(x)), truth.append(t)
    s, t = torch.cat(scores).flatten(), torch.cat(truth).flatten()
    return (s[t == 1][:, None] > s[t == 0][None]).float().mean().item()


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        auc = validate()
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
