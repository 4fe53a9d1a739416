"""Vessel masks on retina crops; the step is wrapped in a Stepper with clipping.

code: ND608
also: ND605
object: Stepper | clip_grad_norm_ | max_norm | clip | stepper
seen: watch
"""
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def eyes(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.arange(24.)
    a, b, w = torch.rand(3, n, 1, generator=g)
    centre = 6 + 12 * a + 5 * torch.sin(x[None] * .25 + 6 * b)
    mask = ((x[None, :, None] - centre[:, None]).abs() < 1.2 + w[..., None]).float()
    img = -1.2 * mask + .6 * torch.randn(n, 24, 24, generator=g) + .2
    return TensorDataset(img[:, None], mask[:, None])


class Vessel(nn.Module):
    def __init__(self, c=10):
        super().__init__()
        self.a = nn.Conv2d(1, c, 3, padding=1)
        self.b = nn.Conv2d(c, c, 3, padding=2, dilation=2)
        self.c = nn.Conv2d(c, c, 3, padding=4, dilation=4)
        self.norms = nn.ModuleList(nn.GroupNorm(2, c) for _ in range(3))
        self.d = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        for conv, norm in zip((self.a, self.b, self.c), self.norms):
            x = F.relu(norm(conv(x)))
        return self.d(x)


class Stepper:
    def __init__(self, net, opt, max_norm=1e-3):  # fault
    # fixed: def __init__(self, net, opt, max_norm=5.0):
        self.net, self.opt, self.max_norm = net, opt, max_norm

    def __call__(self, loss):
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.max_norm)  # here
        self.opt.step()
        return loss.item()


torch.manual_seed(57)
train_loader = DataLoader(eyes(160, 1), batch_size=16, shuffle=True)
val_loader = DataLoader(eyes(40, 2), batch_size=20)
model = Vessel()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=.1, momentum=.9)
stepper = Stepper(model, optimizer)  # here


def train():
    for epoch in range(8):
        model.train()
        losses = [stepper(loss_fn(model(x), m)) for x, m in train_loader]
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), m).item() for x, m in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
