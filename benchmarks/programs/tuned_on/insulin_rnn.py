"""Next insulin need from a day of glucose readings, trained with differentially private SGD (clip, add noise).

code: ND608
also:
object: private_step | noise | NOISE | randn_like | optimizer
seen: watch
"""
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

torch.manual_seed(60)
CLIP, NOISE, BATCH = 1.0, 0.8, 64


def days(n):
    t = torch.arange(16).float()
    level, swing, trend = torch.randn(n, 1), torch.rand(n, 1), 0.3 * torch.randn(n, 1)
    glucose = level + swing * torch.sin(t / 2 + torch.rand(n, 1)) + trend * (t - 8) / 8 + 0.1 * torch.randn(n, 16)
    need = 0.8 * glucose[:, -4:].mean(1) + 0.5 * trend[:, 0]
    return glucose.unsqueeze(-1), need.unsqueeze(1)


class Recurrence(nn.Module):
    """A plain tanh recurrence, spelled out so that vmap can go through it."""

    def __init__(self, h=16):
        super().__init__()
        self.inp, self.rec, self.out = nn.Linear(1, h), nn.Linear(h, h), nn.Linear(h, 1)

    def forward(self, x):
        h = self.inp(x[..., 0, :]).tanh()
        for k in range(1, x.shape[-2]):
            h = (self.inp(x[..., k, :]) + self.rec(h)).tanh()
        return self.out(h)


x, y = days(960)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=BATCH, shuffle=True, drop_last=True)
model = Recurrence()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)


def one_sample(params, xi, yi):
    return loss_fn(functional_call(model, params, (xi.unsqueeze(0),)), yi.unsqueeze(0))


per_sample = vmap(grad(one_sample), in_dims=(None, 0, 0))


def private_step(xb, yb):
    params = {k: p.detach() for k, p in model.named_parameters()}
    grads = per_sample(params, xb, yb)
    norms = torch.sqrt(sum(g.flatten(1).square().sum(1) for g in grads.values()))
    factor = (CLIP / (norms + 1e-6)).clamp(max=1.0)
    for name, p in model.named_parameters():
        g = grads[name]
        clipped = (g * factor.view(-1, *[1] * (g.dim() - 1))).sum(0)
        p.grad = clipped / len(xb) + NOISE * CLIP * torch.randn_like(p)  # fault
        # fixed: p.grad = (clipped + NOISE * CLIP * torch.randn_like(p)) / len(xb)
    optimizer.step()


def train():
    late = []
    for epoch in range(12):
        for xb, yb in train_loader:
            optimizer.zero_grad()
            private_step(xb, yb)  # here
            with torch.no_grad():
                late.append(loss_fn(model(xb), yb).item())
    return sum(late[-15:]) / 15


if __name__ == "__main__":
    print("private mse", train())
