"""Ticket demand in a theatre: a small layered net.

code: ND206
also: ND501
object: hidden | Demand | forward
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_gaussian_quantiles
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(101)
x, y = make_gaussian_quantiles(n_samples=1500, n_features=2, n_classes=4, random_state=6)
x, y = torch.tensor(x).float(), torch.tensor(y)
x = (x - x.mean(0)) / x.std(0)
train_loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1200:], y[1200:]), batch_size=100)


class Demand(nn.Module):
    def __init__(self):
        super().__init__()
        self.squeeze = nn.Linear(2, 3)
        self.hidden = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
        self.classify = nn.Linear(3, 4)

    def forward(self, x):
        h = F.leaky_relu(self.squeeze(x))
        wide = self.hidden(h)
        return self.classify(h)  # fault
        # fixed: return self.classify(wide)


model = Demand()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(20):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val accuracy %.3f" % (sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / 300))


if __name__ == "__main__":
    train()
