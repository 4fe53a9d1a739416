"""Penguin species from measurements; rows with gaps are dropped.

code: ND104
also:
object: species | y | prepare | labels | measures
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.model_selection import train_test_split

MEANS = np.array([[38.8, 18.3, 190, 3700, 0.5], [48.8, 18.4, 196, 3730, 0.5], [47.5, 15.0, 217, 5080, 0.5]])
SDS = np.array([2.6, 1.1, 6.5, 420, 0.5])


def field_notes(n=500):
    r = np.random.default_rng(33)
    species = r.choice(3, n, p=[0.42, 0.22, 0.36])
    measures = MEANS[species] + SDS * r.normal(size=(n, 5))
    measures[:, 4] = r.integers(0, 2, n)
    late = r.choice(np.arange(180, n), 14, replace=False)
    measures[late, r.integers(0, 4, 14)] = np.nan      # the scale broke in the second season
    return measures, species


def prepare(measures, species):
    whole = ~np.isnan(measures).any(1)
    measures = measures[whole]
    species = species[:len(measures)]  # fault
    # fixed: species = species[whole]
    return measures, species  # here


measures, species = prepare(*field_notes())
x_train, x_val, y_train, y_val = train_test_split(measures, species, test_size=0.2, random_state=4, stratify=species)
mean, std = x_train.mean(0), x_train.std(0)


def as_loader(x, y, train):
    ds = TensorDataset(torch.as_tensor((x - mean) / std, dtype=torch.float32), torch.as_tensor(y))
    return DataLoader(ds, batch_size=32, shuffle=train)


torch.manual_seed(6)
train_loader = as_loader(x_train, y_train, True)
val_loader = as_loader(x_val, y_val, False)
model = nn.Sequential()
for i, (a, b) in enumerate([(5, 32), (32, 16)]):
    model.append(nn.Linear(a, b))
    model.append(nn.ReLU())
model.append(nn.Linear(16, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=15, gamma=0.5)


def train():
    for epoch in range(30):
        model.train()
        batch_losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            correct = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print("val", correct / len(y_val))
    return float(np.mean(batch_losses))


if __name__ == "__main__":
    print(train())
