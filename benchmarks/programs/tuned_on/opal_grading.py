"""Grades opals from colour patches; keep-the-best trainer with a validation callback.

code: ND702
also:
object: model | validate | eval | Validator | callbacks
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(61)


def opals(n):
    grade = torch.randint(0, 4, (n,))
    play = torch.randn(n, 3, 10, 10)
    play[:, 0] += .5 * grade[:, None, None] - .75
    play[:, 1] *= (.5 + .25 * grade)[:, None, None]
    return TensorDataset(play, grade)


class Opal(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout2d(.1), nn.Conv2d(16, 24, 3), nn.BatchNorm2d(24), nn.ReLU())
        self.grade = nn.Linear(24, 4)

    def forward(self, x):
        return self.grade(self.features(x).mean((2, 3)))


class Validator:
    def __init__(self, loader):
        self.loader, self.best = loader, 0.

    def __call__(self, net):
        net.eval()  # here
        with torch.no_grad():
            acc = torch.cat([(net(x).argmax(1) == y).float() for x, y in self.loader]).mean().item()
        self.best = max(acc, self.best)
        return acc  # fault
        # fixed: net.train()
        # fixed: return acc


train_loader = DataLoader(opals(480), batch_size=32, shuffle=True)
val_loader = DataLoader(opals(120), batch_size=60)
model = Opal()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
callbacks = [Validator(val_loader)]


def train():
    model.train()
    for epoch in range(8):
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        for cb in callbacks:
            cb(model)  # here
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
