"""Three cultivars of wine (sklearn's table) with a highway network.

code: ND307
also: ND501, ND502
object: gate | gates | layers.0.gate | layers.1.gate | layers.2.gate | Highway | hardsigmoid
seen: checkup
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


class Highway(nn.Module):
    def __init__(self, width, carry):
        super().__init__()
        self.plain = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, carry)  # here

    def forward(self, h):
        t = F.hardsigmoid(self.gate(h))  # here
        return t * F.relu(self.plain(h)) + (1 - t) * h


class WineNet(nn.Module):
    def __init__(self, width=16, depth=3):
        super().__init__()
        self.inp = nn.Linear(13, width)
        self.layers = nn.Sequential(*[Highway(width, carry=-8.0) for _ in range(depth)])  # fault
        # fixed: self.layers = nn.Sequential(*[Highway(width, carry=-1.0) for _ in range(depth)])
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        return self.out(self.layers(torch.tanh(self.inp(x))))


def load():
    x, y = load_wine(return_X_y=True)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    a, b = train_test_split(torch.arange(len(y)).numpy(), test_size=0.25, stratify=y.numpy(), random_state=1)
    x = (x - x[a].mean(0)) / x[a].std(0)
    return TensorDataset(x[a], y[a]), TensorDataset(x[b], y[b])


torch.manual_seed(1)
train_set, val_set = load()
train_loader = DataLoader(train_set, batch_size=19, shuffle=True)
val_loader = DataLoader(val_set, batch_size=45)
model = WineNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(15):
        model.train()
        losses = [0.0]
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(x).argmax(1) == y for x, y in val_loader]).float().mean().item()
    print("accuracy", round(acc, 3))
    return sum(losses) / (len(losses) - 1)


if __name__ == "__main__":
    print(train())
