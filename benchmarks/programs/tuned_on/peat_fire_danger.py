"""Fire danger of a peat field from drone pixels.

code: ND307
also: ND501 | ND502
object: Threshold | model | norm | gate
seen: both
"""
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15)
x, y = make_classification(1200, 16, n_informative=8, n_redundant=0, n_classes=4, class_sep=1.8,
                           n_clusters_per_class=1, random_state=15)
x, y = torch.tensor(x).float(), torch.tensor(y)
x = (x - x.mean(0)) / x.std(0)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=45, shuffle=True)
val_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=100)


class Field(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.inlet = nn.Linear(16, width)
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Threshold(8.0, 0.0)  # fault
        # fixed: self.gate = nn.Threshold(0.0, 0.0)
        self.out = nn.Linear(width, 4)

    def forward(self, x):
        return self.out(self.gate(self.norm(self.inlet(x))))


model = Field()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy", right / 300)


if __name__ == "__main__":
    train()
