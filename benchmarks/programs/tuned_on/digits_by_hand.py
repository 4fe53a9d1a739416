"""Handwritten digits with a network written from scratch: own parameters, own forward.

code: ND202
also: ND406, ND307
object: W1 | W2 | W3 | torch.randn
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(100)

digits = load_digits()
X = torch.tensor(digits.data, dtype=torch.float32) / 16.0
Y = torch.tensor(digits.target)
order = torch.randperm(len(X))
X, Y = X[order], Y[order]
X = (X - X[:1400].mean()) / X[:1400].std()

train_loader = DataLoader(TensorDataset(X[:1400], Y[:1400]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1400:], Y[1400:]), batch_size=200)


class Net(nn.Module):
    def __init__(self, n_in=64, n_h1=128, n_h2=64, n_out=10):
        super().__init__()
        self.W1 = nn.Parameter(torch.randn(n_in, n_h1))  # fault
        # fixed: self.W1 = nn.Parameter(torch.randn(n_in, n_h1) * (2 / n_in) ** 0.5)
        self.b1 = nn.Parameter(torch.zeros(n_h1))
        self.W2 = nn.Parameter(torch.randn(n_h1, n_h2))  # fault
        # fixed: self.W2 = nn.Parameter(torch.randn(n_h1, n_h2) * (2 / n_h1) ** 0.5)
        self.b2 = nn.Parameter(torch.zeros(n_h2))
        self.W3 = nn.Parameter(torch.randn(n_h2, n_out))  # fault
        # fixed: self.W3 = nn.Parameter(torch.randn(n_h2, n_out) * (1 / n_h2) ** 0.5)
        self.b3 = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        h1 = F.relu(x @ self.W1 + self.b1)  # here
        h2 = F.relu(h1 @ self.W2 + self.b2)  # here
        return h2 @ self.W3 + self.b3  # here


model = Net()  # here
loss_fn = F.cross_entropy
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train(epochs=6):
    losses = []
    for epoch in range(epochs):
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            acc = torch.cat([model(x).argmax(1) == y for x, y in val_loader]).float().mean()
        print(f"epoch {epoch}  first-batch-of-run {losses[0]:.3f}  now {losses[-1]:.4f}  acc {acc:.3f}")
    return sum(losses[-20:]) / 20


if __name__ == "__main__":
    print(train())
