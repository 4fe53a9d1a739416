"""Handwritten digits with a trunk and a separately prepared classifier head.

code: ND202
also: ND406 | ND307 | ND503
object: head | weight | uniform_
seen: both
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
X, Y = load_digits(return_X_y=True)
xa, xb, ya, yb = train_test_split(X / 8.0 - 1.0, Y, test_size=0.25, random_state=4, stratify=Y)
as_set = lambda x, y: TensorDataset(torch.tensor(x).float(), torch.tensor(y))
train_loader = DataLoader(as_set(xa, ya), batch_size=50, shuffle=True)
val_loader = DataLoader(as_set(xb, yb), batch_size=150)


def build_head(width, classes):
    head = nn.Linear(width, classes)
    with torch.no_grad():
        head.weight.uniform_(-100, 100)  # fault
        # fixed: head.weight.uniform_(-0.1, 0.1)
        head.bias.zero_()
    return head


trunk = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, 40), nn.ReLU())
model = nn.Sequential(trunk, build_head(40, 10))
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()


def train():
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    hits = count = nll = 0
    with torch.no_grad():
        for x, y in val_loader:
            out = model(x)
            hits += (out.argmax(1) == y).sum().item()
            nll += F.cross_entropy(out, y, reduction="sum").item()
            count += len(y)
    print(f"val accuracy {hits / count:.3f} nll {nll / count:.3f}")


if __name__ == "__main__":
    train()
