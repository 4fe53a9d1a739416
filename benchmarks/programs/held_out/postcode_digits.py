# -*- coding: utf-8 -*-
"""Hand-written digits of postcodes, plain MLP with log-probabilities.

code: ND304
also: ND301
object: LogSoftmax | model.5 | 5 | dim
seen: checkup
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(0)
digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(digits.data, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
mu, sd = X_train.mean(), X_train.std()
as_set = lambda X, y: TensorDataset(torch.tensor((X - mu) / sd, dtype=torch.float32), torch.tensor(y))
train_loader = DataLoader(as_set(X_train, y_train), batch_size=64, shuffle=True)
val_loader = DataLoader(as_set(X_test, y_test), batch_size=64)

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 10),
    nn.LogSoftmax(dim=0),  # fault
    # fixed: nn.LogSoftmax(dim=1),
)
loss_fn = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(10):
        model.train()
        train_loss = 0
        for data, target in train_loader:
            optimizer.zero_grad()
            output = model(data)  # here
            loss = loss_fn(output, target)
            loss.backward()
            optimizer.step()
            train_loss += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for data, target in val_loader:
                pred = model(data).argmax(dim=1, keepdim=True)
                correct += pred.eq(target.view_as(pred)).sum().item()
        print("Epoch {}: loss {:.4f}, test accuracy {}/{}".format(epoch, train_loss / len(train_loader), correct, len(val_loader.dataset)))
    return train_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
