"""Cultivar of a wine from its chemistry, with a focal loss.

code: ND103
also:
object: cultivar | y | targets | FocalLoss | loss_fn
seen: both
"""
import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn


def read_table():
    wine = load_wine()
    # the file from the archive: first column is the cultivar, 1 to 3
    return np.column_stack([wine.target + 1, wine.data])


class FocalLoss(nn.Module):
    def __init__(self, classes, gamma=1.0):
        super().__init__()
        self.gamma = gamma
        self.register_buffer("codes", torch.arange(classes))

    def forward(self, logits, y):
        logp = logits.log_softmax(-1)
        picked = (y[:, None] == self.codes).float()  # here
        return -(picked * (1 - logp.exp()) ** self.gamma * logp).sum(-1).mean()


table = read_table()
cultivar = table[:, 0].astype(int)  # fault
# fixed: cultivar = table[:, 0].astype(int) - 1
x_train, x_val, y_train, y_val = train_test_split(table[:, 1:], cultivar, test_size=0.25, stratify=cultivar, random_state=0)
scaler = StandardScaler().fit(x_train)


def loader(x, y, shuffle):
    data = torch.utils.data.TensorDataset(torch.tensor(scaler.transform(x), dtype=torch.float32), torch.tensor(y))  # here
    return torch.utils.data.DataLoader(data, batch_size=19, shuffle=shuffle)


torch.manual_seed(7)
train_loader, val_loader = loader(x_train, y_train, True), loader(x_val, y_val, False)
model = nn.Sequential(nn.Linear(13, 24), nn.LayerNorm(24), nn.GELU(), nn.Linear(24, 3))
loss_fn = FocalLoss(3)
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-3)


def fit(epochs):
    for _ in range(epochs):
        model.train()
        total, n = 0.0, 0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total, n = total + loss.item() * len(y), n + len(y)
    return total / n


def score():
    model.eval()
    with torch.no_grad():
        return float(np.mean(np.concatenate([(model(x).argmax(1) == y).numpy() for x, y in val_loader])))


def train():
    loss = fit(20)
    print("accuracy", round(score(), 3))
    return loss


if __name__ == "__main__":
    print(train())
