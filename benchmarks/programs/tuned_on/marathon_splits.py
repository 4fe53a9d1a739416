"""Finish times from 5-km splits: batch-normed MLP, evaluation in a helper.

code: ND702
also:
object: model.eval | model.train | validate | evaluate
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Runners(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        pace = 5.4 + 0.7 * torch.randn(n, 1, generator=g)
        fade = torch.rand(n, 1, generator=g) * 0.06
        k = torch.arange(8.0)
        splits = pace * (1 + fade * (k / 4) ** 2) * 5
        finish = splits.sum(1) + pace[:, 0] * 2.2 * (1 + 6 * fade[:, 0])
        splits = splits[:, :5] + 0.2 * torch.randn(n, 5, generator=g)
        self.x = (splits - 28.0) / 4.0
        self.y = ((finish - 245.0) / 36.0).unsqueeze(1)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def dense(a, b):
    return nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(0.1))


torch.manual_seed(26)
train_loader = DataLoader(Runners(800, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Runners(200, 1), batch_size=100)
model = nn.Sequential(dense(5, 32), dense(32, 32), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


@torch.no_grad()
def validate():
    model.eval()  # here
    return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


def train(epochs=10):
    model.train()
    for epoch in range(epochs):  # fault
    # fixed: for epoch in range(epochs):
    # fixed:     model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, sum(losses) / len(losses), validate())  # here
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
