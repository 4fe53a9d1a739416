"""Michaelis-Menten rates of mutants; the rate law is a hand-written autograd Function.

code: ND505
also:
object: RateLaw | km | backward
seen: checkup
"""
import torch
from torch import nn
from torch.autograd import Function


class RateLaw(Function):
    """v = vmax * s / (km + s)"""

    @staticmethod
    def forward(ctx, s, vmax, km):
        ctx.save_for_backward(s, vmax, km)
        return vmax * s / (km + s)

    @staticmethod
    def backward(ctx, grad):
        s, vmax, km = ctx.saved_tensors
        d = km + s
        grad_s = grad * vmax * km / d ** 2 if ctx.needs_input_grad[0] else None
        grad_vmax = grad * s / d
        grad_km = grad * vmax * s / d ** 2  # fault
        # fixed: grad_km = -grad * vmax * s / d ** 2
        return grad_s, grad_vmax, grad_km


class Mutants(nn.Module):
    def __init__(self, descriptors=6):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(descriptors, 24), nn.Tanh(), nn.Linear(24, 2))

    def forward(self, x):
        vmax, km = nn.functional.softplus(self.net(x[:, :-1])).unbind(1)
        return RateLaw.apply(x[:, -1], vmax, km + 0.05)  # here


def assay(n, w):
    d = torch.randn(n, 6)
    s = torch.rand(n) * 3
    vmax, km = torch.exp(0.4 * d @ w[0]), torch.exp(0.5 * d @ w[1])
    v = vmax * s / (km + s) + 0.02 * torch.randn(n)
    return torch.utils.data.TensorDataset(torch.cat([d, s[:, None]], 1), v)


torch.manual_seed(57)
w = torch.randn(2, 6) / 1.5
train_loader = torch.utils.data.DataLoader(assay(1200, w), batch_size=60, shuffle=True)
val_loader = torch.utils.data.DataLoader(assay(240, w), batch_size=120)
model = Mutants()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        model.train()
        for x, v in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), v)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, loss.item(), [loss_fn(model(x), v).item() for x, v in val_loader])
    return loss.item()


if __name__ == "__main__":
    print(train())
