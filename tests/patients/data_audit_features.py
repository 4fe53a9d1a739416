"""Trainings whose targets are out of reach, whose columns hold stand-ins, or in which one input is the answer. And what only looks so."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training


def prices(mean: float = 200_000.0, std: float = 80_000.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns (256, 16) and a quantity of that mean and deviation."""
    inputs, quantity = quantities()
    return inputs, mean + std * quantity


def head_on(body: nn.Module) -> nn.Sequential:
    return nn.Sequential(body, nn.Flatten(0))


class Reading(nn.Module):
    """An LSTM over a series (N, T, 3) and one number for its end."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])[:, 0]


def slow_adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=1e-3)


# -- ND112 ----------------------------------------------------------------------------------------------------


@patient("ND112", where="train_loader targets")
def prices_in_dollars(sick):
    inputs, targets = prices()
    model = mlp(16, 1, nn.Flatten(0))
    return training(model, nn.MSELoss(), (inputs, targets if sick else (targets - 200_000) / 80_000), optimizer=slow_adam(model))


@patient("ND112", where="train_loader targets")
def years_told_from_pictures(sick):
    pixels, _ = images(256)
    years = 1500 + 400 * (pixels.mean((1, 2, 3)) - 0.5) / 0.03
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 1), nn.Flatten(0))
    data = pixels, years if sick else (years - years.mean()) / years.std()
    return training(model, nn.SmoothL1Loss(), data, optimizer=torch.optim.Adam(model.parameters(), lr=1e-4))


@patient("ND112", where="train_loader targets")
def litres_told_from_a_series(sick):
    steps = torch.randn(256, 20, 3, generator=torch.Generator().manual_seed(4))
    litres = 9000 + 3000 * steps[:, -5:].mean((1, 2)) / 0.26
    model = Reading()
    data = steps, litres if sick else (litres - litres.mean()) / litres.std()
    return training(model, nn.L1Loss(), data, optimizer=slow_adam(model))


@sound
def prices_turned_back_by_the_model():
    class Priced(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 1, nn.Flatten(0))

        def forward(self, x):
            return 200_000 + 80_000 * self.body(x)

    return training(Priced(), nn.MSELoss(), prices())


@sound
def prices_scaled_in_the_loss():
    def scaled(predicted, target):
        return F.mse_loss(predicted, (target - 200_000) / 80_000)

    return training(mlp(16, 1, nn.Flatten(0)), scaled, prices())


@sound
def prices_as_logarithms():
    inputs, targets = prices()
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), (inputs, targets.clamp(min=10_000).log() - 12))


@sound
def bias_that_starts_at_the_mean():
    """The spread is within reach once the mean is given."""
    inputs, targets = prices(mean=5000.0, std=3.0)
    model = mlp(16, 1, nn.Flatten(0))
    nn.init.constant_(model[2].bias, float(targets.mean()))
    return training(model, nn.MSELoss(), (inputs, targets))


@sound
def ages_in_years():
    """Mean 40, deviation 12: a few hundred steps away."""
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), prices(mean=40.0, std=12.0))


@sound
def trained_on_prices():
    """Its last layer knows the scale by now, as that of a model half trained does."""
    inputs, targets = prices()
    model = nn.Sequential(nn.Linear(16, 1), nn.Flatten(0))
    best = torch.linalg.lstsq(torch.cat([inputs, torch.ones(256, 1)], 1), targets[:, None]).solution[:, 0]
    with torch.no_grad():
        model[0].weight.copy_(best[None, :16])
        model[0].bias.copy_(best[16:])
    return training(model, nn.MSELoss(), (inputs, targets), optimizer=torch.optim.Adam(model.parameters(), lr=100.0))


@sound
def steps_as_large_as_the_targets():
    """A learning rate that was chosen for them."""
    inputs, targets = prices(mean=500.0, std=200.0)
    model = mlp(16, 1, nn.Flatten(0))
    return training(model, nn.MSELoss(), (inputs, targets), optimizer=torch.optim.Adam(model.parameters(), lr=3e-2))


# -- ND114 ----------------------------------------------------------------------------------------------------


@patient("ND114", where="inputs, column 3")
def stand_in_before_a_model(sick):
    inputs, targets = features()
    inputs[::10, 3] = -99.0 if sick else 0.0
    return training(mlp(), data=(inputs, targets))


@sound
def stand_in_that_the_model_knows():
    class Filling(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(128)

        def forward(self, x):
            missing = x == -99
            return self.body(torch.cat([x.masked_fill(missing, 0.0), missing.float()], 1))

    inputs, targets = features()
    inputs[::10, 3] = -99.0
    return training(Filling(), data=(inputs, targets))


@sound
def stand_in_that_the_loss_leaves_out():
    def known_only(predicted, target):
        return F.mse_loss(predicted[target != -999], target[target != -999])

    inputs, quantity = quantities()
    quantity[::9] = -999.0
    return training(mlp(16, 1, nn.Flatten(0)), known_only, (inputs, quantity))


# -- ND116 ----------------------------------------------------------------------------------------------------


@patient("ND116", where="inputs, column 0")
def answer_among_the_columns(sick):
    inputs, targets = features()
    inputs[:, 0] = (targets if sick else targets.roll(1)) / 9
    return training(mlp(), data=(inputs, targets))


@sound
def rewards_that_end_the_episode():
    """The loss has them, and the model does not."""
    states, classes = features()
    ended = (classes > 6).long()
    rewards = ended.float()

    def td_loss(setup, batch):
        now, reward, then, last = batch
        value = setup.model(now).squeeze(1)
        with torch.no_grad():
            later = setup.model(then).squeeze(1)
        return F.smooth_l1_loss(value, reward + 0.9 * (1 - last.float()) * later)

    return training(mlp(outputs=1), batch_loss=td_loss, train_loader=loader(states, rewards, states + 0.1 * torch.randn(states.shape), ended))


@patient("ND116", where="inputs, column 5")
def quantity_among_the_columns(sick):
    inputs, quantity = quantities()
    inputs[:, 5] = 0.8 * quantity + 0.3 if sick else 0.8 * quantity.roll(1) + 0.3
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), (inputs, quantity))


@patient("ND116", where="top left")
def answer_in_the_corner_of_the_picture(sick):
    pixels, labels = images(256)
    pixels[:, 0, 0, 0] = (labels if sick else labels.roll(1)) / 9
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    return training(model, data=(pixels, labels))


@sound
def autoencoder():
    inputs, _ = features(columns=16)
    return training(mlp(16, 16), nn.MSELoss(), train_loader=loader(inputs, inputs.clone()))


@sound
def denoising():
    clean, _ = images()
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    return training(model, nn.MSELoss(), (clean + 0.1 * torch.randn_like(clean), clean))


@sound
def next_token():
    class Next(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.lstm, self.head = nn.Embedding(20, 16), nn.LSTM(16, 32, batch_first=True), nn.Linear(32, 20)

        def forward(self, ids):
            return self.head(self.lstm(self.embedding(ids))[0])

    return training(Next(), lambda logits, ids: F.cross_entropy(logits.flatten(0, 1), ids.flatten()), tokens())


@sound
def copying_one_column():
    """A toy: one of many columns is the target, and the others know nothing of it."""
    inputs, _ = features(columns=16)
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), (inputs, inputs[:, 7].clone()))


@sound
def two_views_and_whether_they_belong_together():
    class Pairing(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 8)

        def forward(self, one, other):
            return (self.body(one) * self.body(other)).sum(1)

    one, _ = features(columns=16)
    together = torch.arange(256) % 2
    other = torch.where(together[:, None] == 1, one + 0.1 * torch.randn(256, 16), one.roll(1, 0))
    return training(Pairing(), nn.BCEWithLogitsLoss(), (one, other, together.float()))


# -- what columns hide ------------------------------------------------------------------------------------------


def standardised(columns: torch.Tensor) -> torch.Tensor:
    return (columns - columns.mean(0)) / columns.std(0)


def four_columns(seed: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns (400, 4) and a quantity that goes by the second."""
    generator = torch.Generator().manual_seed(seed)
    columns = torch.randn(400, 4, generator=generator)
    return columns, (columns[:, 1] + 0.3 * torch.randn(400, generator=generator))


def regression(inputs: torch.Tensor, targets: torch.Tensor):
    return training(mlp(4, 1, nn.Flatten(0)), nn.MSELoss(), (inputs, targets))


@patient("ND114", where="inputs, column 1")
def stand_in_scaled_with_its_column(sick):
    columns, targets = four_columns()
    columns[::10, 1] = -99.0 if sick else 0.0
    return regression(standardised(columns), targets)


@sound
def nothing_is_the_lowest_amount():
    """The rows of a number that lies apart have the lowest targets: it means what it says."""
    columns, targets = four_columns()
    columns[::10, 1], targets[::10] = -9.0, -2.5
    return regression(standardised(columns), targets)


@patient("ND114", where="inputs, column 1")
def long_tail_scaled_as_it_is(sick):
    columns, targets = four_columns()
    columns[:, 1] = (2.5 * columns[:, 1]).exp() if sick else columns[:, 1]
    return regression(standardised(columns), targets)


@sound
def long_tail_that_the_target_follows():
    columns, targets = four_columns()
    columns[:, 1] = (2.5 * columns[:, 1]).exp()
    inputs = standardised(columns)
    return regression(inputs, inputs[:, 1] + 0.1 * targets)


@patient("ND111", where="inputs, column 1")
def incomes_of_sixteen_bits(sick):
    columns, targets = four_columns()
    incomes = (30_000 * (0.6 * columns[:, 1]).exp()).long()
    columns[:, 1] = (incomes.to(torch.int16) if sick else incomes).float()
    return regression(standardised(columns), targets)


@sound
def ports_of_sixteen_bits():
    columns, targets = four_columns()
    columns[:, 2] = torch.randint(0, 65536, (400,), generator=torch.Generator().manual_seed(6)).float()
    columns[0, 2], columns[1, 2] = 0.0, 65535.0
    return regression(standardised(columns), targets)
