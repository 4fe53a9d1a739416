"""Kidney function from blood values: early stopping, the best weights are kept by deepcopy and put back.

code: none
trait: stops before the last epoch and replaces the weights at the end; last batch of 7
"""
import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)


class EarlyStopping:
    def __init__(self, patience):
        self.patience, self.best, self.waited, self.state = patience, float("inf"), 0, None

    def update(self, value, model):
        if value < self.best - 1e-4:
            self.best, self.waited, self.state = value, 0, copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


x = torch.randn(650, 10)
function = torch.sigmoid(x[:, 0] + 0.5 * x[:, 1] * x[:, 2]) + 0.3 * x[:, 3].abs() + 0.05 * torch.randn(650)
function = ((function - function[:487].mean()) / function[:487].std()).unsqueeze(1)
train_loader = DataLoader(TensorDataset(x[:487], function[:487]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[487:], function[487:]), batch_size=50)
model = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.02)


def evaluate(loader):
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(a), b).item() * len(a) for a, b in loader) / len(loader.dataset)


def train():
    stopping = EarlyStopping(patience=3)
    for epoch in range(40):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
        val = evaluate(val_loader)
        print(epoch, val)
        if stopping.update(val, model):
            break
    model.load_state_dict(stopping.state)
    return evaluate(train_loader)


if __name__ == "__main__":
    print(train())
