"""Eight orchids told apart by the angle between a feature and each class vector.

code: ND406
also: ND202 | ND604
object: scale | temperature | TEMPERATURE | CosineHead
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_blobs
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)
TEMPERATURE = 0.0002  # fault
# fixed: TEMPERATURE = 0.1
X, Y = make_blobs(1300, n_features=12, centers=8, cluster_std=5.5, random_state=71)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
Y = torch.tensor(Y)
train_loader = DataLoader(TensorDataset(X[:1000], Y[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1000:], Y[1000:]), batch_size=100)


class CosineHead(nn.Module):
    def __init__(self, size, classes):
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(classes, size) / size**0.5)

    def forward(self, h):
        cosine = F.normalize(h, dim=1) @ F.normalize(self.vectors, dim=1).T
        return cosine / TEMPERATURE  # here


model = nn.Sequential(nn.Linear(12, 48), nn.Tanh(), nn.Linear(48, 24), CosineHead(24, 8))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        out = torch.cat([model(a) for a, _ in val_loader])
    truth = Y[1000:]
    print(f"val loss {loss_fn(out, truth).item():.3f} acc {(out.argmax(1) == truth).float().mean().item():.3f}")


if __name__ == "__main__":
    train()
