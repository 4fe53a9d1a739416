"""Sale price of farmhouses from six standardised features; a small trainer class.

code: ND112
also:
object: price | prices | targets | y | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)


def make_sales(n):
    feats = torch.randn(n, 6)
    price = 320_000 + 60_000 * feats[:, 0] + 35_000 * feats[:, 1] * feats[:, 2] - 20_000 * feats[:, 3].abs()
    price = price + 8_000 * torch.randn(n)
    return feats, price.unsqueeze(1)


feats, price = make_sales(900)
y = price  # fault
# fixed: y = (price - price[:700].mean()) / price[:700].std()
train_loader = DataLoader(TensorDataset(feats[:700], y[:700]), batch_size=35, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(feats[700:], y[700:]), batch_size=200)


class Trainer:
    def __init__(self, net, opt, criterion):
        self.net, self.opt, self.criterion = net, opt, criterion

    def fit(self, loader, epochs):
        for _ in range(epochs):
            self.net.train()
            for a, b in loader:
                self.opt.zero_grad()
                self.criterion(self.net(a), b).backward()
                self.opt.step()

    @torch.no_grad()
    def r2(self, loader):
        self.net.eval()
        p, t = zip(*[(self.net(a), b) for a, b in loader])
        p, t = torch.cat(p), torch.cat(t)
        return (1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()).item()


model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
trainer = Trainer(model, optimizer, loss_fn)


def train():
    trainer.fit(train_loader, 25)
    print("val R2 %.3f" % trainer.r2(val_loader))


if __name__ == "__main__":
    train()
