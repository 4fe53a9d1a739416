"""Faults that hold a training back and do not stop it, and sound loops beside them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop
from tests.loops.pace import descend, regression
from tests.patients.parts import features, loader, mlp, quantities


@sick_loop("ND607", where="optimizer, group 0")
def decay_that_the_loss_outgrows_late(sick):
    model, batches = regression(nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=0.3 if sick else 1e-4)  # guilty
    descend(model, optimizer, batches, 10)


@sick_loop("ND607", where="optimizer, group 0")
def norms_and_biases_decay_by_eight(sick):
    torch.manual_seed(0)
    model, batches = regression(nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 1)))
    small = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW([
        {"params": small, "weight_decay": 8.0 if sick else 0.0},  # guilty
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.05},
    ], lr=3e-3)  # fmt: skip
    descend(model, optimizer, batches, 8)


@sick_loop("ND607", where="penalty")
def penalty_that_is_most_of_the_loss(sick):
    inputs, targets = features(classes=3)
    model = nn.Sequential(nn.Linear(64, 24), nn.LayerNorm(24), nn.ReLU(), nn.Linear(24, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(20):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            data = F.cross_entropy(model(x), y)  # guilty
            (data + (0.1 if sick else 1e-5) * sum(p.pow(2).sum() for p in model.parameters())).backward()
            optimizer.step()


@sick_loop("ND606", where="scheduler")
def every_factor_multiplies_the_one_before(sick):
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    kind = lr_scheduler.MultiplicativeLR if sick else lr_scheduler.LambdaLR
    scheduler = kind(optimizer, lambda epoch: 1 / (1 + 0.25 * epoch))
    for _ in range(24):
        descend(model, optimizer, batches, 1)
        scheduler.step()  # guilty


@sick_loop("ND705")
def a_box_too_small_under_a_rate_that_comes_down(sick):
    """It stands because of the box, and not because steps get small: what they allow is far more."""
    inputs, _ = quantities(480)
    targets = (inputs[:, :4].sum(1, keepdim=True) > 0).float()
    model, box = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)), 0.02 if sick else 2.0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=225)
    data = loader(inputs, targets)
    for _ in range(15):
        for x, y in data:
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(model(x), y).backward()
            optimizer.step()
            scheduler.step()
            with torch.no_grad():
                for p in model.parameters():
                    p.clamp_(-box, box)


@sick_loop("ND608", where="norm")
def clipped_to_a_creep(sick):
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(8):
        for x, y in batches:
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1e-3 if sick else 1.0)  # guilty
            optimizer.step()


@sick_loop("ND605", where="optimizer, group 0")
def eps_of_one_for_ninety_steps(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1.0 if sick else 1e-8)  # guilty
    descend(model, optimizer, loader(inputs, targets), 11)


@sick_loop("ND706", where="optimizer, group 0")
def recurrent_net_that_never_settles(sick):
    """In double precision: it goes astray as a chaos does, and the last bit of a sum is another on another machine."""
    steps = (torch.randint(0, 2, (240, 16)) * 2 - 1).double()
    depth = steps.cumsum(1) / 4
    model = nn.RNN(1, 24, batch_first=True).double()
    head = nn.Linear(24, 1).double()
    optimizer = torch.optim.RMSprop([*model.parameters(), *head.parameters()], lr=3e-2 if sick else 1e-3, alpha=0.5 if sick else 0.99)  # guilty
    whole = nn.ModuleList([model, head])
    for _ in range(12):
        for x, y in DataLoader(TensorDataset(steps[..., None], depth), batch_size=24, shuffle=True):
            optimizer.zero_grad()
            F.mse_loss(whole[1](whole[0](x)[0])[..., 0], y).backward()
            optimizer.step()


@sick_loop("ND703", where="validation loss")
def a_few_assays_known_by_heart(sick):
    x = torch.randn(1200, 40)
    y = 0.5 * x[:, :1] + torch.randn(1200, 1)
    rows = 48 if sick else 900
    train = DataLoader(TensorDataset(x[:rows], y[:rows]), batch_size=12 if sick else 100, shuffle=True)
    held = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=300)
    model = nn.Sequential(nn.Linear(40, 96 if sick else 4), nn.ReLU(), nn.Linear(96 if sick else 4, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(24 if sick else 8):
        descend(model, optimizer, train, 1)
        with torch.no_grad():
            [F.mse_loss(model(x), y) for x, y in held]


@sound_loop
def weights_shrink_under_a_decay_that_the_loss_bears():
    model, batches = regression(mlp(16, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    descend(model, torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.5), batches, 10)


@sound_loop
def a_penalty_on_what_the_model_says_is_most_of_the_loss():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            outputs = model(x)
            (F.cross_entropy(outputs, y) + 0.5 * outputs.logsumexp(1).pow(2).mean()).backward()
            optimizer.step()


class Mean:
    def __init__(self):
        self.total = self.count = 0

    def update(self, value, n=1):
        self.total += value * n
        self.count += n

    def value(self):
        return self.total / self.count


@sick_loop("ND708", where="hits")
def meter_is_not_told_how_large_batches_are(sick):
    def untold():
        hits = Mean()
        for x, y in held:
            hits.update((model(x).argmax(1) == y).float().mean().item())  # guilty
        return hits.value()

    def told():
        hits = Mean()
        for x, y in held:
            hits.update((model(x).argmax(1) == y).float().mean().item(), len(x))
        return hits.value()

    inputs, targets = features(200)
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    held = DataLoader(TensorDataset(inputs[:67], targets[:67]), batch_size=32)
    for _ in range(3):
        descend(model, optimizer, loader(inputs[67:], targets[67:]), 1)
        with torch.no_grad():
            (untold if sick else told)()
