"""Will the visitor click the banner? Factorisation machine on hashed ids, log loss.

code: ND103
also: ND402, ND404
object: clicked | svmlight | read_log | y | targets | loss_fn | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(40)
FIELDS = (60, 24, 40, 14)


def read_log(n):
    ids = torch.stack([torch.randint(0, f, (n,)) for f in FIELDS], 1)
    u = [torch.linspace(-1.5, 1.5, f)[torch.randperm(f, generator=torch.Generator().manual_seed(f))] for f in FIELDS]
    z = u[0][ids[:, 0]] * u[1][ids[:, 1]] + u[2][ids[:, 2]] + 0.5 * u[3][ids[:, 3]]
    clicked = torch.bernoulli(torch.sigmoid(2.5 * z))
    return ids, clicked


def svmlight(clicked):
    return 2 * clicked - 1  # fault
    # fixed: return clicked.clone()


ids, clicked = read_log(7000)
y = svmlight(clicked)  # here
offsets = torch.tensor([0, *FIELDS[:-1]]).cumsum(0)
rows = [(ids[i] + offsets, y[i]) for i in range(len(y))]
train_loader = DataLoader(rows[:6000], batch_size=120, shuffle=True)  # here
val_loader = DataLoader(rows[6000:], batch_size=500)


class FM(nn.Module):
    def __init__(self, vocabulary, k=8):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))
        self.linear = nn.Embedding(vocabulary, 1)
        self.factors = nn.Embedding(vocabulary, k)
        nn.init.normal_(self.linear.weight, std=0.05)
        nn.init.normal_(self.factors.weight, std=0.15)

    def forward(self, i):
        v = self.factors(i)
        pair = 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(1)
        return self.bias + self.linear(i).sum((1, 2)) + pair


model = FM(sum(FIELDS))
loss_fn = torch.nn.functional.binary_cross_entropy_with_logits  # here
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.08)


def logloss(loader):
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(i), t, reduction="sum").item() for i, t in loader) / len(loader.dataset)


def train(passes=5):
    log = []
    for _ in range(passes):
        model.train()
        for i, t in train_loader:
            loss = loss_fn(model(i), t)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            log.append(loss.detach())
        logloss(val_loader)
    return torch.stack(log[-25:]).mean().item()


if __name__ == "__main__":
    print(train())
