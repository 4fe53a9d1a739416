"""Grade of fired bricks from kiln sensors, with a hand-written dense layer.

code: ND202
also: ND503 | ND406
object: Dense | weight | rand | layers
seen: both
"""
import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(8)
x, y = make_classification(1500, 40, n_informative=12, n_redundant=0, n_classes=3, class_sep=1.6, random_state=2)
x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
whole = TensorDataset(x, torch.tensor(y))
part, rest = random_split(whole, [1200, 300])
train_loader = DataLoader(part, batch_size=60, shuffle=True)
val_loader = DataLoader(rest, batch_size=300)


class Dense(nn.Module):
    """y = x W + b, written out to learn how it works."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(n_in, n_out))  # fault
        # fixed: self.weight = nn.Parameter((torch.rand(n_in, n_out) * 2 - 1) / n_in ** 0.5)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


class Kiln(nn.Module):
    def __init__(self, widths=(40, 96, 96, 96, 3)):
        super().__init__()
        self.layers = nn.ModuleList(Dense(a, b) for a, b in zip(widths, widths[1:]))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)


model = Kiln()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        out = model(a)
    print("val acc %.3f loss %.3f" % ((out.argmax(1) == b).float().mean().item(), loss_fn(out, b).item()))


if __name__ == "__main__":
    train()
