"""Card fraud from seven transaction features, one payment in six is a fraud in this sample.

code: ND105
also:
object: val_loader | val_idx | x_val | features | balance
seen: checkup
"""
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(2024)
torch.manual_seed(2024)


def transactions(n=1500):
    labels = (rng.random(n) < 0.17).astype(np.int64)
    features = rng.standard_normal((n, 7))
    features[:, 0] += 1.1 * labels
    features[:, 3] -= 0.8 * labels
    features[:, 5] += 0.7 * labels * np.sign(features[:, 1])
    return features.astype(np.float32), labels


def balance(features, labels):
    """Repeats frauds until both classes are equally frequent."""
    fraud, fine = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    more = rng.choice(fraud, size=len(fine) - len(fraud), replace=True)
    rows = np.concatenate([fine, fraud, more])
    return features[rows], labels[rows]


features, labels = transactions()
features, labels = balance(features, labels)  # fault
# fixed:
order = rng.permutation(len(labels))
cut = int(0.8 * len(labels))
train_idx, val_idx = order[:cut], order[cut:]  # here
x_train, y_train = features[train_idx], labels[train_idx]  # fault
# fixed: x_train, y_train = balance(features[train_idx], labels[train_idx])
x_val, y_val = features[val_idx], labels[val_idx]  # here

train_loader = DataLoader(TensorDataset(torch.tensor(x_train), torch.tensor(y_train)), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.tensor(x_val), torch.tensor(y_val)), batch_size=256)  # here


class FraudNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(7, 64)
        self.b = nn.Linear(64, 32)
        self.c = nn.Linear(32, 2)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        x = self.drop(F.leaky_relu(self.a(x)))
        x = self.drop(F.leaky_relu(self.b(x)))
        return self.c(x)


model = FraudNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def auc():
    model.eval()
    scores, truth = [], []
    with torch.no_grad():
        for x, y in val_loader:
            scores += model(x).softmax(-1)[:, 1].tolist()
            truth += y.tolist()
    return roc_auc_score(truth, scores)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(train_loader):.4f}  val AUC {auc():.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
