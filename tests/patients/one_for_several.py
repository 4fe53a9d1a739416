"""One layer for several by accident, and copies of a weight that stay behind; positions that drown what they are added to; linear maps given masks and graphs."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, quantities, tokens, training

COLUMNS = ("farm", "mill", "buyer")


# -- ND204: one layer under several names, given different inputs ----------------------------------------------


def _codes():
    """Three codes (samples, 3) and the sum of what they are worth (samples,), standardised."""
    generator = torch.Generator().manual_seed(1)
    codes, worth = torch.randint(0, 12, (1024, 3), generator=generator), torch.randn(12, 3, generator=generator)
    price = worth.gather(0, codes).sum(1)
    return codes, (price - price.mean()) / price.std()


class Lots(nn.Module):
    def __init__(self, sick):
        super().__init__()
        self.tables = nn.ModuleDict(dict.fromkeys(COLUMNS, nn.Embedding(12, 1)) if sick else {name: nn.Embedding(12, 1) for name in COLUMNS})

    def forward(self, codes):
        return sum(self.tables[name](codes[:, at]) for at, name in enumerate(COLUMNS)).squeeze(1)


@patient("ND204", where="fromkeys")
def tables_of_columns_that_are_one(sick):
    model = Lots(sick)
    return training(model, nn.MSELoss(), _codes(), optimizer=torch.optim.Adam(model.parameters(), lr=0.03))


@sound
def strengths_of_players_under_two_names():
    generator = torch.Generator().manual_seed(1)
    strength, pairs = 2 * torch.randn(50, generator=generator), torch.randint(0, 50, (1024, 2), generator=generator)
    won = (strength[pairs[:, 0]] - strength[pairs[:, 1]]).sigmoid().bernoulli(generator=generator)

    class Draughts(nn.Module):
        def __init__(self):
            super().__init__()
            self.white = self.black = nn.Embedding(50, 1)
            nn.init.zeros_(self.white.weight)

        def forward(self, pairs):
            return (self.white(pairs[:, 0]) - self.black(pairs[:, 1])).squeeze(1)

    model = Draughts()
    return training(model, nn.BCEWithLogitsLoss(), (pairs, won), optimizer=torch.optim.Adam(model.parameters(), lr=0.03))


# -- ND204: a copy that stays behind ---------------------------------------------------------------------------


@patient("ND204", where="register_buffer")
def words_whose_copy_stays_behind(sick):
    class Phrases(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.mix = nn.Embedding(20, 16), nn.Linear(16, 16)
            nn.init.normal_(self.words.weight, std=0.2)
            if sick:
                self.register_buffer("table", self.words.weight.detach().clone())
            else:
                self.table = self.words.weight

        def forward(self, ids):
            return F.linear(self.mix(self.words(ids)).tanh(), self.table).mT

    return training(Phrases(), data=tokens())


@sound
def a_teacher_that_is_a_copy():
    class Taught(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
            self.teacher = copy.deepcopy(self.net).requires_grad_(False)

        def forward(self, x):
            return self.net(x) + 0.1 * (self.net(x) - self.teacher(x)).detach()

    return training(Taught())


# -- ND202: positions that drown what they are added to --------------------------------------------------------


def _strings():
    """Strings (samples, 10) of twelve signs, and whether a 0 stands before the 1."""
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(2, 12, (640, 10), generator=generator)
    places = torch.rand(640, 10, generator=generator).argsort(1)
    rows = torch.arange(640)
    text[rows, places[:, 0]], text[rows, places[:, 1]] = 0, 1
    return text, (places[:, 0] < places[:, 1]).long()


@patient("ND202", where="pos")
def positions_that_drown_the_signs(sick):
    class Order(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.pos = nn.Embedding(12, 32), nn.Parameter(torch.randn(10, 32) * (60.0 if sick else 0.5))
            self.mix = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
            self.head = nn.Linear(32, 2)

        def forward(self, text):
            return self.head(self.mix(self.tokens(text) + self.pos).mean(1))

    model = Order()
    return training(model, data=_strings(), optimizer=torch.optim.Adam(model.parameters(), lr=2e-3))


# -- ND205: linear in the data, whatever a mask or a graph does ------------------------------------------------


class Pooled(nn.Module):
    def __init__(self, bend):
        super().__init__()
        self.up, self.mid, self.out, self.bend = nn.Linear(4, 32), nn.Linear(32, 32), nn.Linear(32, 1), bend

    def forward(self, x, mask):
        x = self.bend(self.up(x.view(-1, 4, 4)))
        x = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return self.out(self.bend(self.mid(x))).squeeze(1)


def _masked(model):
    inputs, target = quantities()
    mask = (torch.rand(256, 4, generator=torch.Generator().manual_seed(1)) < 0.8).float()
    mask[:, 0] = 1.0
    return training(model, None, (inputs, mask, target), batch_loss=lambda setup, batch: F.mse_loss(setup.model(batch[0], batch[1]), batch[2]))


@patient("ND205", where="up")
def bags_pooled_under_a_mask_without_a_bend(sick):
    return _masked(Pooled(nn.Identity() if sick else nn.ReLU()))


@patient("ND205", where="conv1")
def two_layers_of_a_graph_without_a_bend(sick):
    class Conv(nn.Module):
        def __init__(self, before, after):
            super().__init__()
            self.lin = nn.Linear(before, after)

        def forward(self, near, x):
            return near @ self.lin(x)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = Conv(8, 32), Conv(32, 10)

        def forward(self, near, x):
            hidden = self.conv1(near, x)
            return self.conv2(near, hidden if sick else hidden.relu()).mean(1)

    inputs, targets = features(256)
    near = (torch.rand(256, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.3).float() + torch.eye(8)
    near = near / near.sum(2, keepdim=True)
    return training(
        Net(), None, (near, inputs.view(-1, 8, 8), targets), batch_loss=lambda setup, batch: F.cross_entropy(setup.model(batch[0], batch[1]), batch[2]),
    )  # fmt: skip


@sound
def layers_gated_by_what_is_known_of_a_sample():
    """Linear in each of its two inputs, and in both of them it is not."""

    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third, self.gate = nn.Linear(8, 32), nn.Linear(32, 32), nn.Linear(32, 1), nn.Linear(8, 32)

        def forward(self, x, known):
            return self.third(self.second(self.first(x) * self.gate(known))).squeeze(1)

    inputs, _ = quantities()
    return training(
        Gated(), None, (inputs[:, :8], inputs[:, 8:], inputs[:, 0] * inputs[:, 8]), batch_loss=lambda setup, batch: F.mse_loss(setup.model(batch[0], batch[1]), batch[2]),
    )  # fmt: skip


# -- ND307: a threshold that nothing passes --------------------------------------------------------------------


@patient("ND307", where="nn.Threshold(8.0 if sick else 0.0, 0.0)")
def threshold_that_nothing_passes(sick):
    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.inlet, self.norm, self.out = nn.Linear(64, 24), nn.LayerNorm(24), nn.Linear(24, 10)
            self.gate = nn.Threshold(8.0 if sick else 0.0, 0.0)

        def forward(self, x):
            return self.out(self.gate(self.norm(self.inlet(x))))

    return training(Field())
