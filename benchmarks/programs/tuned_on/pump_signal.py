"""Pump fault alarm from 24 vibration features ; keeps the weights of the best validation epoch.

code: ND707
also:
object: best_state | state_dict | model.state_dict | best_model_wts
seen: watch
"""
import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(61)
weights = torch.zeros(24)
weights[:5] = torch.tensor([1.2, -1.0, 0.8, 0.7, -0.6])


def recordings(n):
    x = torch.randn(n, 24)
    return TensorDataset(x, torch.bernoulli(torch.sigmoid(1.5 * (x @ weights) + x[:, 0] * x[:, 1])).unsqueeze(1))


train_loader = DataLoader(recordings(600), batch_size=30, shuffle=True)
val_loader = DataLoader(recordings(240), batch_size=120)

model = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def validation_loss():
    model.eval()
    with torch.no_grad():
        losses = [loss_fn(model(x), y).item() for x, y in val_loader]
    return sum(losses) / len(losses)


def train(max_epochs=40, patience=8):
    best_loss, best_state, waited = float("inf"), None, 0
    for epoch in range(max_epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        val_loss = validation_loss()
        if val_loss < best_loss:
            best_loss, waited = val_loss, 0
            best_state = model.state_dict()  # fault
            # fixed: best_state = copy.deepcopy(model.state_dict())
        else:
            waited += 1
            if waited >= patience:
                break
    model.load_state_dict(best_state)  # here
    print(f"stopped after epoch {epoch}, best {best_loss:.4f}, restored {validation_loss():.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
