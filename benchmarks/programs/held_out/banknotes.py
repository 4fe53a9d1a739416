"""Genuine or forged banknotes, made robust by training on FGSM examples.

code: none
trait: two backward passes per step, one to the inputs for the attack and one to the weights
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)
EPSILON = 0.15


def notes(n):
    forged = torch.randint(0, 2, (n,))
    shift = torch.tensor([1.0, -0.8, 0.6, 0.5, -0.4, 0.0])
    x = (forged.unsqueeze(1) * 2 - 1) * shift + torch.randn(n, 6)
    x[:, 5] = x[:, 5] + 0.8 * x[:, 0] * x[:, 1]
    return TensorDataset(x / 1.2, forged)


def fgsm(net, x, y):
    x = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(loss_fn(net(x), y), x)
    return (x + EPSILON * slope.sign()).detach()


train_loader = DataLoader(notes(800), batch_size=40, shuffle=True)
val_loader = DataLoader(notes(200), batch_size=100)
model = nn.Sequential(nn.Linear(6, 32), nn.ELU(), nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            attacked = fgsm(model, x, y)
            optimizer.zero_grad()
            loss = 0.5 * loss_fn(model(x), y) + 0.5 * loss_fn(model(attacked), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        robust = sum((model(fgsm(model, x, y)).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, total / len(train_loader), robust / 200)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
