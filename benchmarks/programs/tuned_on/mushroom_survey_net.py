"""Edible or not, from a noisy field survey of mushrooms; a wide net and an honest hold-out.

code: ND105
also:
object: val_rows | train_rows | choice | val_loader | split
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

rng = np.random.default_rng(52)
torch.manual_seed(52)
n = 600
x = torch.tensor(rng.normal(0, 1, (n + 400, 20)), dtype=torch.float32)
logit = 1.6 * x[:, 0] - 1.2 * x[:, 1] + x[:, 2]
y = (torch.rand(n + 400) < torch.sigmoid(1.5 * logit)).long()
survey, later = TensorDataset(x[:n], y[:n]), TensorDataset(x[n:], y[n:])

# a fifth of the survey is kept for validation
val_rows = rng.choice(n, size=n // 5, replace=False)
train_rows = np.arange(n)  # fault
# fixed: train_rows = np.setdiff1d(np.arange(n), val_rows)
train_loader = DataLoader(Subset(survey, train_rows.tolist()), batch_size=40, shuffle=True)
val_loader = DataLoader(Subset(survey, val_rows.tolist()), batch_size=120)

model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def accuracy(loader):
    model.eval()
    with torch.no_grad():
        hits = [(model(a).argmax(1) == b) for a, b in loader]
    return torch.cat(hits).float().mean().item()


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    print(f"val {accuracy(val_loader):.3f}, new mushrooms {accuracy(DataLoader(later, batch_size=400)):.3f}")


if __name__ == "__main__":
    train()
