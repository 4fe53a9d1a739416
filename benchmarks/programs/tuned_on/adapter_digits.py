"""Sklearn digits: a frozen random trunk with trainable low-rank adapters.

code: none
trait: one adapter matrix is all zeros at the start; trunk frozen; one layer object is applied twice on purpose
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class LoRA(nn.Module):
    def __init__(self, base, rank=8):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) * base.in_features ** -0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + x @ self.down.T @ self.up.T


class Digits(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.first = LoRA(nn.Linear(64, width))
        self.again = LoRA(nn.Linear(width, width))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for _ in range(2):  # the same layer twice: a recurrent block
            x = x + torch.relu(self.again(x))
        return self.head(self.norm(x))


data = load_digits()
X = torch.tensor(data.data, dtype=torch.float32)
y = torch.tensor(data.target)
order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
a, b = order[:900], order[900:1300]
X = (X - X[a].mean()) / X[a].std()
torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(X[a], y[a]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(X[b], y[b]), batch_size=200)
model = Digits()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=4e-3)


def train():
    for _ in range(6):
        model.train()
        s = []
        for x, t in train_loader:
            loss = loss_fn(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            s.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == t).sum().item() for x, t in val_loader) / 400
    return sum(s) / len(s)


if __name__ == "__main__":
    print(train())
