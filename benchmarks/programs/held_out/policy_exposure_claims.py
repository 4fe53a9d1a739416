"""Size of insurance claims (log scale), every policy weighted by its exposure in years.

code: ND403
also:
object: weight | exposure | WeightedL2 | loss_fn | error
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(150)


def policies(n):
    x = torch.randn(n, 7)
    claim = x[:, 0] - 0.7 * x[:, 1].abs() + 0.5 * x[:, 2] * (x[:, 3] > 0)
    exposure = 0.3 + 0.7 * torch.rand(n, 1)
    claim = claim + 0.15 * torch.randn(n) / exposure[:, 0]
    return x, (claim + 0.55) / 1.2, exposure


class WeightedL2(nn.Module):
    def forward(self, pred, target):
        claim, exposure = target
        error = (pred - claim) ** 2
        return (exposure * error).sum() / exposure.sum()  # fault
        # fixed: return (exposure.squeeze(1) * error).sum() / exposure.sum()


class ClaimNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(7, 32), nn.Linear(32, 32)])
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        for layer in self.layers:
            x = nn.functional.elu(layer(x))
        return self.out(x).flatten()


def collate(rows):
    x, claim, exposure = (torch.stack(c) for c in zip(*rows))
    return x, (claim, exposure)


data = list(zip(*policies(1100)))
train_loader = DataLoader(data[:900], batch_size=45, shuffle=True, collate_fn=collate)
val_loader = DataLoader(data[900:], batch_size=100, collate_fn=collate)
model = ClaimNet()
loss_fn = WeightedL2()  # here
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(12):
        model.train()
        values = []
        for x, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), target)  # here
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(x), t).item() for x, t in val_loader]
        print(epoch, sum(values) / len(values), sum(val) / len(val))
    return sum(values) / len(values)


if __name__ == "__main__":
    print(train())
