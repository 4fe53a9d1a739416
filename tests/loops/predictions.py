"""Loops whose predictions on a fixed batch collapse or jitter, and those that only seem to. Each opens its own watch, and gives it back.

    @told("ND711", where="steps")
    def dead_net(sick):
        ...
        return watch

    @sound
    def honest_majority():
        ...
        return watch
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

import nbdebug
from tests.loops import LoopPatient, _seeded
from tests.patients.parts import features, loader, mlp

SICK: list[LoopPatient] = []
SOUND: list[LoopPatient] = []


def told(*codes: str, where: str = "") -> Callable:
    def register(run: Callable[[bool], object]) -> Callable[[bool], object]:
        SICK.append(LoopPatient(run.__name__, frozenset(codes), where, frozenset(), lambda: _seeded(run, True), ""))
        SOUND.append(LoopPatient(f"{run.__name__}, mended", frozenset(), "", frozenset(), lambda: _seeded(run, False), ""))
        return run

    return register


def sound(run: Callable[[], object]) -> Callable[[], object]:
    SOUND.append(LoopPatient(run.__name__, frozenset(), "", frozenset(), lambda: _seeded(run), ""))
    return run


def trained(model, batch, x, y, *, steps=300, rows=32, lr=1e-2, loss=F.cross_entropy, every=10, optimizer=None, scheduler=None, order=None):
    """The watch over a plain loop on random rows."""
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = scheduler and scheduler(optimizer)
    with nbdebug.watch(live=False, predictions=batch, every=every) as watch:
        for step in range(steps):
            chosen = torch.randint(0, len(x), (rows,)) if order is None else order(step)
            optimizer.zero_grad()
            loss(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
    return watch


def split(classes=10):
    inputs, targets = features(600, classes=classes)
    return (inputs[:64], targets[:64]), inputs[64:], targets[64:]


# -- ND711 ----------------------------------------------------------------------------------------------------


class Blind(nn.Module):
    def __init__(self, sick, outputs=10):
        super().__init__()
        self.sick = sick
        self.net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, outputs))

    def forward(self, x):
        return self.net(x * 0 + 1 if self.sick else x)


@told("ND711", where="model")
def inputs_are_overwritten(sick):
    batch, x, y = split()
    model = Blind(sick)
    return trained(model, batch, x, y)


@told("ND711")
def regression_to_the_mean(sick):
    """The number that all samples get, where targets differ."""
    batch, x, _ = split()
    y = x[:, :1] - x[:, 1:2]
    model = Blind(sick, 1)
    return trained(model, (batch[0], batch[0][:, :1] - batch[0][:, 1:2]), x, y, loss=F.mse_loss)


@told("ND711")
def yes_to_everything(sick):
    batch, x, _ = split()
    y, model = (x[:, :1] > 0).float(), Blind(sick, 1)
    held = (batch[0], (batch[0][:, :1] > 0).float())
    return trained(model, held, x, y, loss=F.binary_cross_entropy_with_logits)


# -- ND712 ----------------------------------------------------------------------------------------------------


def two_clouds(apart=0.4, scale=3):
    y = torch.randint(0, 2, (1000,))
    x = scale * (torch.randn(1000, 16) + apart * (2 * y[:, None] - 1))
    return (x[:64], y[:64]), x[64:], y[64:]


@told("ND712", where="steps")
def momentum_over_one_sample_at_a_time(sick):
    batch, x, y = two_clouds(0.3)
    model = mlp(16, 2, hidden=64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01 if sick else 1e-4, momentum=0.9)
    return trained(model, batch, x, y, steps=400, rows=1, optimizer=optimizer)


@told("ND712")
def steps_too_wide_for_one_sample(sick):
    batch, x, y = two_clouds(0.3, scale=2.5)
    model = mlp(16, 2, hidden=64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02 if sick else 1e-3, momentum=0.9)
    return trained(model, batch, x, y, steps=400, rows=1, optimizer=optimizer)


# -- sound ----------------------------------------------------------------------------------------------------


@sound
def honest_majority():
    """Of a hundred samples one is of the rare class, and nothing tells which."""
    x, y = torch.randn(2000, 16), (torch.rand(2000) < 0.01).long()
    return trained(mlp(16, 2), (x[:64], y[:64]), x, y)


@sound
def batch_of_one_class():
    _, x, y = split()
    return trained(mlp(), (x[y == 3][:40], y[y == 3][:40]), x, y)


@sound
def first_sixty_steps():
    batch, x, y = split()
    return trained(Blind(True), batch, x, y, steps=60)


@sound
def warm_up_that_is_not_over():
    batch, x, y = split()
    model = Blind(True)
    return trained(
        model, batch, x, y, optimizer=torch.optim.SGD(model.parameters(), lr=1e-3),
        scheduler=lambda o: torch.optim.lr_scheduler.LinearLR(o, 1e-6, 1.0, total_iters=2000),
    )  # fmt: skip


@sound
def labels_that_cannot_be_learnt():
    x, y = torch.randn(600, 64), torch.randint(0, 2, (600,))
    return trained(mlp(64, 2), (x[:64], y[:64]), x[64:], y[64:], every=20)


@sound
def language_model_that_begins_with_the_commonest_token():
    ids = torch.multinomial(torch.tensor([0.3] + [0.7 / 19] * 19), 200 * 12, replacement=True).reshape(200, 12)
    ids[:, 1::2] = (ids[:, ::2] + 1) % 20

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head = nn.Embedding(20, 16), nn.GRU(16, 32, batch_first=True), nn.Linear(32, 20)

        def forward(self, ids):
            return self.head(self.rnn(self.embed(ids))[0]).mT

    return trained(Reader(), (ids[:20, :-1], ids[:20, 1:]), ids[:, :-1], ids[:, 1:], lr=3e-3)


@sound
def two_nets_that_play_against_each_other():
    generator, discriminator = mlp(4, 2), mlp(2, 1)
    makes, judges = (torch.optim.Adam(net.parameters(), lr=1e-3) for net in (generator, discriminator))
    real = torch.randn(64, 2)
    points = torch.cat([real, torch.randn(64, 2) + 1])
    held = (points, torch.cat([torch.ones(64, 1), torch.zeros(64, 1)]))
    with nbdebug.watch(discriminator, live=False, predictions=held, every=10) as watch:
        for _ in range(250):
            fake = generator(torch.randn(64, 4))
            judges.zero_grad()
            right, wrong = discriminator(real), discriminator(fake.detach())
            (F.softplus(-right).mean() + F.softplus(wrong).mean()).backward()
            judges.step()
            makes.zero_grad()
            F.softplus(-discriminator(fake)).mean().backward()
            makes.step()
    return watch


@sound
def rate_that_decays():
    batch, x, y = two_clouds()
    model = mlp(16, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return trained(
        model, batch, x, y, steps=400, rows=2, optimizer=optimizer,
        scheduler=lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 400),
    )  # fmt: skip


@sound
def classes_that_overlap():
    """Half of the samples lie between the classes: they change sides, and it costs nothing."""
    y = torch.randint(0, 2, (800,))
    x = torch.randn(800, 16) + 0.15 * (2 * y[:, None] - 1)
    return trained(mlp(16, 2), (x[:64], y[:64]), x[64:], y[64:], rows=16, every=5)


@sound
def digits_of_a_small_net():
    batch, x, y = split()
    return trained(mlp(), batch, x, y, steps=250, every=5)


@sound
def validation_loader_within_the_loop():
    batch, x, y = split()
    model, held = mlp(), loader(*batch, shuffle=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with nbdebug.watch(live=False, predictions=held, every=7) as watch:
        for _ in range(12):
            model.train()
            for a, b in loader(x, y):
                optimizer.zero_grad()
                F.cross_entropy(model(a), b).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                for a, b in held:
                    F.cross_entropy(model(a), b)
    return watch
