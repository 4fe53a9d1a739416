"""Spend after a coupon, weighted by inverse propensity so that the treated and the others count alike.

code: ND403
also:
object: weight | ipw_loss | loss_fn | sample_weight | w
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class Customers(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randn(n, 7, generator=g)
        propensity = torch.sigmoid(1.3 * self.x[:, 0])
        self.t = (torch.rand(n, generator=g) < propensity).float()
        noise = .3 * torch.randn(n, generator=g)
        self.spend = .8 * self.x[:, 1] + self.t * (self.x[:, 0] - .5) + noise
        self.weight = 1 / torch.where(self.t > 0, propensity, 1 - propensity).clamp(.05, 1.)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        features = torch.cat([self.x[i], self.t[i:i + 1]])
        return features, (self.spend[i], self.weight[i:i + 1])  # fault
        # fixed: return features, (self.spend[i], self.weight[i])


def ipw_loss(pred, target):
    spend, w = target
    squared = (pred - spend) ** 2
    return (w * squared).mean()  # here


class Spend(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 40), nn.ReLU(), nn.Linear(40, 1))

    def forward(self, x):
        return self.layers(x)[:, 0]


torch.manual_seed(2)
train_loader = DataLoader(Customers(512, 1), batch_size=64, shuffle=True)
val_loader = DataLoader(Customers(128, 2), batch_size=64)
model, loss_fn = Spend(), ipw_loss  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(15):
        total = 0.
        model.train()
        for x, target in train_loader:
            loss = loss_fn(model(x), target)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(x), t).item() for x, t in val_loader)
    return total


if __name__ == "__main__":
    print(train())
