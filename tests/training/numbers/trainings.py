"""Small trainings whose layers are looked at; ranks import them by name."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup


def samples(count=128):
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(count, 8, generator=draw)
    return TensorDataset(x, (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long())


def net(*, norm=False, dead=False):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 32), *([nn.BatchNorm1d(32)] if norm else []), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))
    if dead:
        with torch.no_grad():
            model[3].bias.fill_(-50.0)
    return model


def deep(squash=nn.Sigmoid, *, kaiming=False):
    torch.manual_seed(0)
    layers = [layer for n in range(10) for layer in (nn.Linear(8 if n == 0 else 24, 24), squash())]
    model = nn.Sequential(*layers, nn.Linear(24, 4))
    if kaiming:
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
    return model


def of(model, optimizer=None, *, batch_size=16, **options):
    loader = DataLoader(samples(), batch_size=batch_size, shuffle=True)
    return TrainingSetup(model, nn.CrossEntropyLoss(), optimizer or torch.optim.Adam(model.parameters(), 1e-2), loader, **options)


def plain():
    return of(net())


def normed():
    return of(net(norm=True))


def in_blocks():
    torch.manual_seed(0)
    blocks = [nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1)) for _ in range(2)]
    return of(nn.Sequential(nn.Linear(8, 16), *blocks, nn.Linear(16, 4)))


def by_own_loss():
    return of(net(), batch_loss=lambda setup, batch: nn.functional.cross_entropy(setup.model(batch[0]), batch[1]) + 0.1 * setup.model(batch[0]).square().mean())


def by_closure():
    model = net()
    return of(model, torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3))


def two_optimizers():
    model = net()
    return of(model, [torch.optim.SGD(model[:3].parameters(), 0.1), torch.optim.Adam(model[3:].parameters(), 1e-2)])


def scaled():
    model = net()
    return of(model, torch.optim.SGD(model.parameters(), 0.05), precision="16-mixed")


def own_loop(ctx, lr=1e-2, steps=120, **options):
    torch.manual_seed(0)
    model = ctx.wrap(net(**options))
    optimizer = torch.optim.Adam(model.parameters(), lr)
    x, y = samples().tensors
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        ctx.log(step=step, loss=loss)
    return [p.detach().double().sum().item() for p in model.parameters()]


def two_models(ctx):
    torch.manual_seed(0)
    one, other = ctx.wrap(nn.Linear(8, 8)), ctx.wrap(nn.Sequential(nn.Linear(8, 4)))
    optimizers = [torch.optim.SGD(one.parameters(), 0.1), torch.optim.SGD(other.parameters(), 0.1)]
    x, y = samples().tensors
    for step in range(1, 41):
        for optimizer in optimizers:
            optimizer.zero_grad()
            nn.functional.cross_entropy(other(one(x)), y).backward()
            optimizer.step()
        ctx.log(step=step)


def unwrapped(ctx):
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    x, y = samples().tensors
    for step in range(1, 31):
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        ctx.log(step=step)
