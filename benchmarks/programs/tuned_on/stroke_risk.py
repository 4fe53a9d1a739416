"""Stroke within a year from routine check-ups.

code: none
trait: one patient in twenty-five is positive; a sampler evens the training batches out while validation keeps the natural share; two columns are flags
"""
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

r = np.random.default_rng(44)
N = 3000
age, pressure, bmi, sugar = r.normal(60, 12, N), r.normal(130, 16, N), r.normal(27, 4, N), r.lognormal(4.6, .2, N)
smoker, prior = (r.random(N) < .2).astype(float), (r.random(N) < .06).astype(float)
risk = -4.6 + .08 * (age - 60) + .03 * (pressure - 130) + 1.0 * smoker + 1.8 * prior + .01 * (sugar - 100)
stroke = (r.random(N) < 1 / (1 + np.exp(-risk))).astype(np.int64)
table = np.column_stack([age, pressure, bmi, np.log(sugar), smoker, prior])
x_train, x_val, y_train, y_val = train_test_split(table, stroke, test_size=.25, stratify=stroke, random_state=1)
mean, std = x_train.mean(0), x_train.std(0)


def pack(x, y):
    return TensorDataset(torch.tensor((x - mean) / std, dtype=torch.float32), torch.tensor(y))


torch.manual_seed(0)
share = np.bincount(y_train) / len(y_train)
sampler = WeightedRandomSampler(torch.tensor(1 / share[y_train]), num_samples=len(y_train))
train_loader = DataLoader(pack(x_train, y_train), batch_size=64, sampler=sampler)
val_loader = DataLoader(pack(x_val, y_val), batch_size=250)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(.2), nn.Linear(16, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)


def auc():
    model.eval()
    with torch.no_grad():
        p = torch.cat([model(x).softmax(1)[:, 1] for x, _ in val_loader])
    return roc_auc_score(y_val, p.numpy())


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        score = auc()
    print("AUC", round(score, 3))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
