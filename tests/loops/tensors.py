"""Loops in which weights stop being finite, gradients fade or grow along the depth, units die; and sound ones beside them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from tests.loops import sick_loop, sound_loop
from tests.patients.parts import features, loader, mlp, quantities, tokens


def train(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor, epochs: int = 5) -> None:
    loss_fn = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()


def deep(layers: int, activation: type[nn.Module], width: int = 32) -> nn.Sequential:
    first = [nn.Linear(64, width), activation()]
    between = [part for _ in range(layers - 2) for part in (nn.Linear(width, width), activation())]
    return nn.Sequential(*first, *between, nn.Linear(width, 10))


# -- sound: not finite, and no fault of the optimizer --------------------------------------------------------------


@sound_loop
def scaler_skips_what_overflows():
    inputs, targets = features()
    model, scaler = mlp(), torch.amp.GradScaler("cpu", init_scale=2.0**60, growth_interval=10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(8):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = F.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()


@sound_loop
def bad_batches_are_left_out():
    """A loss that is not finite is not descended."""
    inputs, targets = features()
    inputs = inputs.clone()
    inputs[7] = math.inf
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(4):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            if not torch.isfinite(loss):
                continue
            loss.backward()
            optimizer.step()


@sound_loop
def gradients_made_finite_by_the_loop():
    inputs, target = quantities()
    model = mlp(16, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, x in enumerate(inputs.split(16)):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x)[:, 0], target[16 * step : 16 * step + 16])
        loss.backward()
        if step == 5:
            model[0].weight.grad[0, 0] = math.nan
        for parameter in model.parameters():
            torch.nan_to_num_(parameter.grad, nan=0.0)
        optimizer.step()


@sound_loop
def a_parameter_of_minus_infinity():
    """A mask that is stored among the parameters, and is as it should be."""

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp()
            self.mask = nn.Parameter(torch.zeros(10), requires_grad=False)
            self.mask.data[9] = -math.inf

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x) + self.mask

    inputs, targets = features()
    model = Masked()
    train(model, torch.optim.Adam(model.parameters(), lr=1e-3), inputs[targets != 9], targets[targets != 9])


@sound_loop
def weights_in_bfloat16():
    inputs, targets = features()
    model = mlp().to(torch.bfloat16)
    train(model, torch.optim.Adam(model.parameters(), lr=1e-2), inputs.to(torch.bfloat16), targets)


# -- sound: gradients that differ along the depth, or come late ----------------------------------------------------


@sound_loop
def deep_with_normalisation():
    inputs, targets = features()
    layers = [part for _ in range(8) for part in (nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU())]
    model = nn.Sequential(nn.Linear(64, 32), *layers, nn.Linear(32, 10))
    train(model, torch.optim.Adam(model.parameters(), lr=1e-3), inputs, targets)


@sound_loop
def deep_with_residuals_of_zero():
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(32, 32), nn.Linear(32, 32)
            nn.init.zeros_(self.outer.weight)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.outer(self.inner(x).relu())

    inputs, targets = features()
    model = nn.Sequential(nn.Linear(64, 32), *(Block() for _ in range(6)), nn.Linear(32, 10))
    train(model, torch.optim.Adam(model.parameters(), lr=1e-3), inputs, targets)


@sound_loop
def adapters_beside_a_frozen_trunk():
    class Adapted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.Linear(32, 32).requires_grad_(False)
            self.down, self.up = nn.Linear(32, 4), nn.Linear(4, 32)
            nn.init.normal_(self.up.weight, std=1e-4)

        def forward(self, x: Tensor) -> Tensor:
            return (self.frozen(x) + self.up(self.down(x))).tanh()

    inputs, targets = features()
    model = nn.Sequential(nn.Linear(64, 32).requires_grad_(False), *(Adapted() for _ in range(5)), nn.Linear(32, 10))
    train(model, torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3), inputs, targets)


@sound_loop
def deep_relu_net_that_learns():
    inputs, targets = features()
    model = deep(6, nn.ReLU)
    train(model, torch.optim.Adam(model.parameters(), lr=2e-3), inputs, targets, epochs=8)


@sound_loop
def tiny_head_under_a_warm_up():
    inputs, targets = features()
    model = deep(5, nn.GELU)
    nn.init.normal_(model[-1].weight, std=1e-4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 20))
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            scheduler.step()


@sound_loop
def recurrent_with_clipping():
    ids, following = tokens()
    embedding, rnn, head = nn.Embedding(20, 16), nn.RNN(16, 32, batch_first=True), nn.Linear(32, 20)
    parameters = [*embedding.parameters(), *rnn.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=5e-3)
    for _ in range(8):
        for x, y in loader(ids, following):
            optimizer.zero_grad()
            F.cross_entropy(head(rnn(embedding(x))[0]).mT, y).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()


# -- sound: units that are silent ----------------------------------------------------------------------------------


@sound_loop
def some_units_are_dead():
    inputs, targets = features()
    model = mlp(hidden=64)
    with torch.no_grad():
        model[0].bias[:20] = -30.0
    train(model, torch.optim.Adam(model.parameters(), lr=3e-3), inputs, targets)


@sound_loop
def most_units_are_dead_and_it_learns():
    inputs, targets = features()
    model = mlp(hidden=256)
    with torch.no_grad():
        model[0].bias[:200] = -30.0
    train(model, torch.optim.Adam(model.parameters(), lr=3e-3), inputs, targets)


@sound_loop
def sure_of_its_answers():
    """The sigmoid that ends the model saturates, because it knows."""
    inputs, _ = features()
    answers = (inputs[:, :1] > 0).float()
    model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.zero_()
        model[0].weight[0, 0], model[0].weight[1, 0] = 40.0, -40.0
        model[2].weight[0, 0], model[2].weight[0, 1] = 40.0, -40.0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(5):
        for x, y in loader(inputs, answers):
            optimizer.zero_grad()
            F.binary_cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def gates_are_shut():
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.sigmoid, self.value, self.head = nn.Linear(64, 32), nn.Sigmoid(), nn.Linear(64, 32), nn.Linear(32, 10)
            nn.init.constant_(self.gate.bias, 8.0)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.sigmoid(self.gate(x)) * self.value(x))

    inputs, targets = features()
    model = Gated()
    train(model, torch.optim.Adam(model.parameters(), lr=3e-3), inputs, targets)


@sound_loop
def sparse_codes():
    """An autoencoder with a penalty on its code: most units are silent most of the time."""
    inputs, _ = features()
    encoder, decoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU()), nn.Linear(128, 64)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3)
    for _ in range(8):
        for (x,) in loader(inputs):
            optimizer.zero_grad()
            code = encoder(x)
            (F.mse_loss(decoder(code), x) + 0.02 * code.abs().mean()).backward()
            optimizer.step()


# -- ND709: the optimizer's own arithmetic -------------------------------------------------------------------------


@sick_loop("ND709", where="0.weight")
def adam_without_eps(sick):
    """The first column is always zero, and so is its gradient: 0/0."""
    inputs, targets = features()
    inputs = inputs * (torch.arange(64) > 0)
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=0.0 if sick else 1e-8)
    for x, y in loader(inputs, targets):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()  # guilty


@sick_loop("ND709", where="optimizer, group 0")
def rate_divided_by_zero(sick):
    """A schedule of one's own that divides 0 by 0 at the end of its warm-up."""
    inputs, target = quantities()
    model = mlp(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def rate(step: int) -> float:
        left = torch.tensor(float(12 - step)) if sick else torch.tensor(1.0)
        return float(0.01 * left / left)

    for step, x in enumerate(inputs.repeat(2, 1).split(16)):
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        loss = F.mse_loss(model(x)[:, 0], target.repeat(2)[16 * step : 16 * step + 16])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()  # guilty


class HalfTrainer:
    """Everything in float16, the optimizer's state as well."""

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        self.model, self.dtype = model.to(dtype), dtype
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def step(self, x: Tensor, y: Tensor) -> None:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x.to(self.dtype)).float(), y)
        loss.backward()
        self.optimizer.step()


@sick_loop("ND709", "ND805", where="self.optimizer, group 0")
def eps_is_zero_in_half_precision(sick):
    inputs, targets = features()
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    trainer = HalfTrainer(model, torch.bfloat16 if sick is False else torch.float16)
    for x, y in loader(0.002 * inputs, targets):
        trainer.step(x, y)


# -- ND502: the signal fades ---------------------------------------------------------------------------------------


@sick_loop("ND502", where="0")
def a_dozen_sigmoids(sick):
    inputs, targets = features()
    model = deep(12, nn.Sigmoid) if sick else deep(3, nn.ReLU)
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), inputs, targets, epochs=6)


@sick_loop("ND502", where="layers.0")
def small_weights_in_a_deep_net(sick):
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(10))
            self.head = nn.Linear(64, 10)
            for layer in self.layers:
                nn.init.normal_(layer.weight, std=0.02 if sick else 0.12)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = torch.tanh(layer(x))
            return self.head(x)

    inputs, targets = features()
    model = Deep()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4 if sick else 1e-3)
    for _ in range(40):
        rows = torch.randint(0, 256, (32,))
        loss = F.cross_entropy(model(inputs[rows]), targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@sick_loop("ND502")
def convolutions_with_sigmoids(sick):
    inputs, targets = features()
    images = inputs.view(-1, 1, 8, 8)
    activation = nn.Sigmoid if sick else nn.ReLU
    between = [part for _ in range(9 if sick else 2) for part in (nn.Conv2d(8, 8, 3, padding=1), activation())]
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), activation(), *between, nn.Flatten(), nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01 if sick else 0.1)
    for _ in range(4):
        for x, y in zip(images.split(32), targets.split(32), strict=True):
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            optimizer.zero_grad()


# -- ND503: the signal grows ---------------------------------------------------------------------------------------


@sick_loop("ND503")
def wild_weights_behind_tanh(sick):
    inputs, targets = features()
    model = deep(9, nn.Tanh, width=64)
    for layer in model[::2]:
        if sick:
            nn.init.normal_(layer.weight, std=1.0)
        else:
            nn.init.xavier_normal_(layer.weight)
    train(model, torch.optim.Adam(model.parameters(), lr=1e-3), inputs, targets, epochs=5)


@sick_loop("ND503")
def wild_weights_in_a_while_loop(sick):
    inputs, target = quantities()
    layers = nn.ModuleList(nn.Linear(16 if i == 0 else 48, 48) for i in range(8))
    for layer in layers:
        nn.init.normal_(layer.weight, std=1.4 if sick else 0.15)
    head = nn.Linear(48, 1)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.head = layers, head

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x).tanh()
            return self.head(x)

    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4 if sick else 0.05)
    step = 0
    while step < 40:
        rows = torch.randint(0, 256, (32,))
        optimizer.zero_grad()
        F.mse_loss(net(inputs[rows])[:, 0], target[rows]).backward()
        optimizer.step()
        step += 1


@sick_loop("ND503")
def wild_convolutions(sick):
    inputs, targets = features()
    images = inputs.view(-1, 1, 8, 8)
    between = [part for _ in range(7) for part in (nn.Conv2d(8, 8, 3, padding=1), nn.Tanh())]
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), *between, nn.Flatten(), nn.Linear(512, 10))
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.9 if sick else 0.12)
    nn.init.normal_(model[-1].weight, std=0.3 if sick else 0.03)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3 if sick else 0.1)
    for _ in range(3):
        for x, y in zip(images.split(32), targets.split(32), strict=True):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


# -- ND307: units are stuck ----------------------------------------------------------------------------------------


@sick_loop("ND307", where="1")
def biases_far_below_zero(sick):
    inputs, targets = features()
    model = mlp()
    nn.init.constant_(model[0].bias, -40.0 if sick else 0.0)
    train(model, torch.optim.Adam(model.parameters(), lr=1e-3), inputs, targets)


@sick_loop("ND307", where="hidden.1")
def tanh_of_unscaled_inputs(sick):
    """Inputs in the thousands drive every tanh to its ends."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Sequential(nn.Linear(64, 32), nn.Tanh())
            self.head = nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 10))

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.hidden(x))

    inputs, targets = features()
    inputs = 1e4 * (1 + 0.01 * inputs) if sick else inputs
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01 if sick else 0.2)
    for _ in range(48):
        rows = torch.randint(0, 256, (32,))
        loss = F.cross_entropy(model(inputs[rows]), targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@sick_loop("ND307", where="relu")
def channels_die_at_once(sick):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.head = nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Linear(16, 10)
            if sick:
                nn.init.constant_(self.conv.weight, -1.0)
                nn.init.constant_(self.conv.bias, -1.0)

        def forward(self, images: Tensor) -> Tensor:
            return self.head(self.relu(self.conv(images)).mean((2, 3)))

    inputs, targets = features()
    images = inputs.abs().view(-1, 1, 8, 8)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(4):
        for x, y in loader(images, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


# -- ND502 over time steps -----------------------------------------------------------------------------------------


class Remembers(nn.Module):
    """Asks the last state of a plain recurrent layer."""

    def __init__(self, small: bool) -> None:
        super().__init__()
        self.rnn, self.head = nn.RNN(4, 24, batch_first=True), nn.Linear(24, 4)
        if small:
            nn.init.normal_(self.rnn.weight_hh_l0, std=0.02)
        else:
            nn.init.orthogonal_(self.rnn.weight_hh_l0)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0][:, -1])


def markers(rows: int, *, at: int, length: int = 24) -> tuple[Tensor, Tensor]:
    """One-hot markers at one time step, and noise at the others."""
    marker = torch.randint(0, 4, (rows,))
    x = torch.randn(rows, length, 4) * 0.2
    x[:, at] = F.one_hot(marker, 4).float()
    return x, marker


@sick_loop("ND502", where="rnn.weight_hh_l0")
def recurrent_weights_that_keep_nothing(sick):
    model = Remembers(small=sick)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(120):
        x, y = markers(32, at=0)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def small_recurrent_weights_where_the_last_step_is_asked_for():
    model = Remembers(small=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(120):
        x, y = markers(32, at=-1)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
