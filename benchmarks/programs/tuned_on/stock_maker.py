"""Density of the next tick's return: Gaussian mean and log-variance, summed over the batch, with a rate made for the sum.

code: none
trait: negative loss that is legal, sum reduction with a small learning rate, a head that starts at zero, (N, 1) shapes everywhere, loss without floor
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(81)
book = torch.randn(900, 8)
sigma = torch.exp(-2 + .5 * book[:, :1])
ret = .3 * torch.tanh(book[:, 1:2]) + sigma * torch.randn(900, 1)
train_loader = DataLoader(TensorDataset(book[:720], ret[:720]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(book[720:], ret[720:]), batch_size=90)


class Tick(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.Tanh())
        self.out = nn.Linear(32, 2)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        mean, log_var = self.out(self.body(x)).chunk(2, 1)
        return mean, log_var.clamp(-8, 4)


def nll(out, target):
    mean, log_var = out
    return (.5 * (log_var + (target - mean) ** 2 / log_var.exp())).sum()


model, loss_fn = Tick(), nll
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=.5)


def train():
    for epoch in range(20):
        model.train()
        total = 0.
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 50.)
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / 180
    return total / 720


if __name__ == "__main__":
    print(train())
