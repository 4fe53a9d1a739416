"""Grades loans A-E; an auxiliary memory-saving squared-hinge loss comes as a Function.

code: ND505
also:
object: SquaredHinge | backward | margin
seen: checkup
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(58)
GRADES = 5


class SquaredHinge(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores, y):
        rows = torch.arange(len(y))
        gap = 1 + scores - scores[rows, y].unsqueeze(1)
        gap[rows, y] = 0
        gap = gap.clamp_min(0)
        ctx.save_for_backward(gap, y)
        return gap.pow(2).sum(1).mean()

    @staticmethod
    def backward(ctx, grad_output):
        gap, y = ctx.saved_tensors
        grad = 2 * gap
        grad[torch.arange(len(y)), y] = -2 * gap.sum(1)
        return grad / len(y), None  # fault
        # fixed: return grad_output * grad / len(y), None


class Grader(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2 = nn.Linear(10, 40), nn.Linear(40, GRADES)

    def forward(self, x):
        return self.l2(F.elu(self.l1(x)))


def loss_fn(scores, y, mix=0.1):
    margin = SquaredHinge.apply(scores, y)  # here
    return F.cross_entropy(scores, y) + mix * margin


def loans(n, rule=torch.randn(10, generator=torch.Generator().manual_seed(3))):
    x = torch.randn(n, 10)
    r = x @ rule / rule.norm() + 0.1 * torch.randn(n)
    return TensorDataset(x, torch.bucketize(r, torch.tensor([-.84, -.25, .25, .84])))


model = Grader()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
train_loader = DataLoader(loans(1200), batch_size=48, shuffle=True)
val_loader = DataLoader(loans(300), batch_size=100)


def run_epoch(loader, learn):
    model.train(learn)
    tot = 0
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            loss = loss_fn(model(x), y)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            tot += loss.item()
    return tot / len(loader)


def train():
    for epoch in range(10):
        tr, va = run_epoch(train_loader, True), run_epoch(val_loader, False)
        print(f"{epoch}: {tr:.3f} {va:.3f}")
    return tr


if __name__ == "__main__":
    print(train())
