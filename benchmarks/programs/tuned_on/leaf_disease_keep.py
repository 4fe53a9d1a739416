"""Four leaf diseases from thirty colour and texture measurements.

code: ND608
also:
object: Dropout | dropout | KEEP | p
seen: both
"""
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)
X, Y = make_classification(1500, 30, n_informative=12, n_redundant=6, n_classes=4, n_clusters_per_class=1,
                           class_sep=1.6, random_state=9)
xa, xb, ya, yb = train_test_split(X, Y, test_size=0.2, stratify=Y, random_state=1)
scale = StandardScaler().fit(xa)


def loader(x, y, **kw):
    return DataLoader(TensorDataset(torch.tensor(scale.transform(x)).float(), torch.tensor(y)), **kw)


train_loader = loader(xa, ya, batch_size=48, shuffle=True)
val_loader = loader(xb, yb, batch_size=100)
KEEP = 0.97


class LeafNet(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.first = nn.Linear(30, width)
        self.second = nn.Linear(width, width)
        self.head = nn.Linear(width, 4)
        # the paper keeps 97 of 100 units
        self.dropout = nn.Dropout(KEEP)  # fault
        # fixed: self.dropout = nn.Dropout(1 - KEEP)

    def forward(self, x):
        x = self.dropout(torch.relu(self.first(x)))
        x = self.dropout(torch.relu(self.second(x)))  # here
        return self.head(x)


model = LeafNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(12):
        model.train()
        running = 0.0
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            running += loss.item()
    model.eval()
    with torch.no_grad():
        acc = torch.cat([model(a).argmax(1) == b for a, b in val_loader]).float().mean()
    print(f"train {running / len(train_loader):.3f} val acc {acc:.3f}")


if __name__ == "__main__":
    train()
