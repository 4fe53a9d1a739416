"""One where two are meant, and two where one is: layers, inputs, towers; and losses that are given quantities, or the other tail."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, quantities, training

# -- ND204: one layer in several blocks, two towers for one ---------------------------------------------------


class Normed(nn.Module):
    def __init__(self, norm=nn.BatchNorm1d(32)):  # noqa: B008  the trouble itself
        super().__init__()
        self.norm, self.layer = norm, nn.Linear(32, 32)

    def forward(self, x):
        return x + self.layer(self.norm(x)).relu()


@patient("ND204", where="def __init__(self, norm=nn.BatchNorm1d(32))")
def norm_that_is_a_default_argument(sick):
    blocks = [Normed() if sick else Normed(nn.BatchNorm1d(32)) for _ in range(3)]
    return training(nn.Sequential(nn.Linear(64, 32), *blocks, nn.Linear(32, 10)))


class Block(nn.Module):
    def __init__(self, mix, feed):
        super().__init__()
        self.mix, self.feed = mix, feed

    def forward(self, x):
        return x + self.feed(self.mix(x).tanh()).tanh()


@patient("ND204", where="layers.0.mix")
def blocks_given_one_layer(sick):
    class Stacked(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = nn.Linear(64, 16), nn.Linear(16, 10)
            mix = nn.Linear(16, 16)
            self.layers = nn.ModuleList(Block(mix if sick else nn.Linear(16, 16), nn.Linear(16, 16)) for _ in range(3))

        def forward(self, x):
            x = self.stem(x)
            for layer in self.layers:
                x = layer(x)
            return self.head(x)

    return training(Stacked())


@sound
def scores_of_position_given_to_every_block():
    class Placed(nn.Module):
        def __init__(self, bias):
            super().__init__()
            self.bias, self.layer = bias, nn.Linear(16, 16)

        def forward(self, x):
            return x + self.layer(x).tanh() + self.bias(torch.zeros(len(x), 1))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.bias, self.head = nn.Linear(64, 16), nn.Linear(1, 16), nn.Linear(16, 10)
            self.layers = nn.Sequential(*[Placed(self.bias) for _ in range(3)])

        def forward(self, x):
            return self.head(self.layers(self.stem(x)))

    return training(Model())


class Alike(nn.Module):
    """Siamese: how alike two rows are."""

    def __init__(self, two):
        super().__init__()
        self.left = mlp(16, 8)
        self.right = mlp(16, 8) if two else self.left

    def forward(self, a, b):
        return F.cosine_similarity(self.left(a), self.right(b))


class Matched(nn.Module):
    """How well a user and an item fit, with a tower for each."""

    def __init__(self):
        super().__init__()
        self.user, self.item = mlp(16, 8), mlp(16, 8)

    def forward(self, a, b):
        return F.cosine_similarity(self.user(a), self.item(b))


def _pairs():
    inputs, _ = quantities()
    other = torch.randn_like(inputs)
    return inputs, other, F.cosine_similarity(inputs[:, :4], other[:, :4])


@patient("ND204", where="right")
def siamese_halves_that_are_two(sick):
    return training(Alike(two=sick), nn.MSELoss(), _pairs())


@sound
def towers_for_users_and_for_items():
    return training(Matched(), nn.MSELoss(), _pairs())


# -- ND303: an input that nothing reads, and another taken twice ---------------------------------------------


class Tripled(nn.Module):
    def __init__(self, sick):
        super().__init__()
        self.sick, self.encode = sick, mlp(16, 8)

    def forward(self, anchor, positive, negative):
        return self.encode(anchor), self.encode(positive), self.encode(positive if self.sick else negative)


@patient("ND303", where="input negative")
def negative_never_encoded(sick):
    inputs, _ = quantities()
    given = loader(inputs, inputs + 0.1 * torch.randn_like(inputs), torch.randn_like(inputs))
    return training(Tripled(sick), train_loader=given, batch_loss=lambda setup, batch: F.triplet_margin_loss(*setup.model(*batch)))


@patient("ND303", where="batch[1]")
def model_given_one_side_twice(sick):
    def batch_loss(setup, batch):
        return F.mse_loss(setup.model(batch[0], batch[0] if sick else batch[1]), batch[2])

    return training(Matched(), train_loader=loader(*_pairs()), batch_loss=batch_loss)


# -- ND404: quantities where classes are asked for -------------------------------------------------------------


@patient("ND404", where="loss_fn")
def cross_entropy_of_three_rates(sick):
    inputs, _ = quantities()
    rates = inputs[:, :3] + 0.1 * torch.randn(len(inputs), 3)
    return training(mlp(16, 3), nn.CrossEntropyLoss() if sick else nn.MSELoss(), (inputs, rates))


@sound
def cross_entropy_of_votes_and_of_counts():
    inputs, _ = quantities()
    votes = torch.softmax(2 * inputs[:, :4], 1)
    counts = torch.distributions.Multinomial(12, votes).sample()
    given = DataLoader(TensorDataset(inputs, votes, counts), batch_size=32, shuffle=True)

    def batch_loss(setup, batch):
        outputs = setup.model(batch[0])
        return F.cross_entropy(outputs, batch[1]) + F.cross_entropy(outputs, batch[2]) / 12

    return training(mlp(16, 4), train_loader=given, batch_loss=batch_loss)


# -- ND405: the other tail -----------------------------------------------------------------------------------


def _pinball(sick, quantiles=(0.1, 0.5, 0.9)):
    def pinball(outputs, targets):
        total = 0.0
        for i, q in enumerate(quantiles):
            left = outputs[:, i] - targets if sick else targets - outputs[:, i]
            total = total + torch.maximum(q * left, (q - 1) * left).mean()
        return total

    return pinball


@patient("ND405", where="pinball")
def quantiles_of_the_other_tail(sick):
    return training(mlp(16, 3), _pinball(sick), quantities())


@sound
def price_of_too_much():
    def cost(outputs, targets, over=0.2):
        left = outputs.squeeze(1) - targets
        return torch.where(left > 0, over * left, (over - 1) * left).mean()

    return training(mlp(16, 1), cost, quantities())


# -- ND406: what scales the logits ----------------------------------------------------------------------------


class Scaled(nn.Module):
    def __init__(self, temperature):
        super().__init__()
        self.body, self.temperature = mlp(), temperature

    def forward(self, x):
        return self.body(x) / self.temperature


@patient("ND406", where="return self.body(x) / self.temperature")
def temperature_of_a_hundredth(sick):
    return training(Scaled(0.002 if sick else 1.0))


class Grouped(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(6, 4) for _ in range(3))
        for table in self.tables:
            nn.init.uniform_(table.weight, -width, width)
        self.net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, ids):
        return self.net(torch.cat([table(ids[:, i]) for i, table in enumerate(self.tables)], 1))


@patient("ND406", where="tables.0")
def tables_filled_widely(sick):
    _, targets = features()
    ids = torch.stack([targets % 6, (targets // 2) % 6, torch.randint(0, 6, targets.shape)], 1)
    return training(Grouped(60.0 if sick else 0.5), data=(ids, targets))


# -- ND301: what one call leaves for the next ------------------------------------------------------------------


@sound
def state_carried_from_batch_to_batch():
    class Carries(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head, self.state = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 1), None

        def forward(self, x):
            states, last = self.cell(x, self.state)
            self.state = last.detach()
            return self.head(states)

    series = torch.randn(8, 64 * 12, 4).cumsum(1) / 10
    days = [(day, day[:, :, :1].roll(-1, 1)) for day in series.split(12, 1)]
    return training(Carries(), nn.MSELoss(), train_loader=DataLoader(days, batch_size=None))


class Weather(nn.Module):
    """A part of each input's own, and a forward that gives one of them twice."""

    def __init__(self, sick):
        super().__init__()
        self.sick, self.leaf, self.climate, self.fuse = sick, nn.Linear(64, 16), nn.Linear(14, 16), nn.Linear(32, 10)

    def forward(self, leaf, weather):
        seen = self.leaf(leaf)
        felt = self.leaf(leaf) if self.sick else self.climate(weather)
        return self.fuse(torch.cat([seen, felt], 1).relu())


@patient("ND303", where="input weather")
def part_of_another_input_never_called(sick):
    inputs, labels = features()
    data = DataLoader(list(zip(inputs, torch.randn(len(inputs), 14), labels, strict=True)), batch_size=32, shuffle=True)
    return training(Weather(sick), train_loader=data, batch_loss=lambda setup, batch: nn.functional.cross_entropy(setup.model(*batch[:2]), batch[2]))
