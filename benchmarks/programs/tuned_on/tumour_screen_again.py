"""Benign or malignant? A net on the breast cancer measurements, its weights kept in a box.

code: ND705
also: ND608
object: BOX | clamp_ | clamp
seen: watch
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

raw = load_breast_cancer()
tr_x, va_x, tr_y, va_y = train_test_split(raw.data, raw.target, test_size=0.25, random_state=1, stratify=raw.target)
scaler_x = StandardScaler().fit(tr_x)


def pack(x, y):
    return TensorDataset(torch.tensor(scaler_x.transform(x)).float(), torch.tensor(y).float().unsqueeze(1))


torch.manual_seed(1)
train_loader = DataLoader(pack(tr_x, tr_y), batch_size=32, shuffle=True)
val_loader = DataLoader(pack(va_x, va_y), batch_size=143)
model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
BOX = 0.03  # fault
# fixed: BOX = 2.0


def keep_in_box(net):
    with torch.no_grad():
        for p in net.parameters():
            p.clamp_(-BOX, BOX)  # here


def train():
    model.train()
    for epoch in range(18):
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            keep_in_box(model)
    model.eval()
    with torch.no_grad():
        for a, b in val_loader:
            print("val loss", round(loss_fn(model(a), b).item(), 3))


if __name__ == "__main__":
    train()
