"""What is easily overlooked: a loop that ends one layer early, copies that stay copies, a sample in a hundred; and what is as odd on purpose."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, mlp, tokens, training


class Blocks(nn.Module):
    """Residual blocks in a list, of which so many are called."""

    def __init__(self, called):
        super().__init__()
        self.first, self.head, self.called = nn.Linear(64, 16), nn.Linear(16, 10), called
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(16, 16), nn.ReLU()) for _ in range(3))

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks[: self.called]:
            x = x + block(x)
        return self.head(x)


@patient("ND206", where="blocks.2")
def loop_that_ends_a_block_early(sick):
    return training(Blocks(2 if sick else 3))


@sound
def head_for_a_task_of_another_day():
    class Tasks(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.task = nn.Linear(64, 16), 0
            self.heads = nn.ModuleList(nn.Linear(16, 10) for _ in range(3))

        def forward(self, x):
            self.task = 1 - self.task
            return self.heads[self.task](self.body(x).relu())

    return training(Tasks())


class Mixture(nn.Module):
    def __init__(self, experts):
        super().__init__()
        self.gate, self.experts = nn.Linear(64, len(experts)), nn.ModuleList(experts)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, x):
        return (self.gate(x).softmax(-1)[:, None] * torch.stack([expert(x) for expert in self.experts], -1)).sum(-1)


@patient("ND201", where="experts.0")
def experts_that_are_copies(sick):
    one = mlp(hidden=8)
    return training(Mixture([copy.deepcopy(one) if sick else mlp(hidden=8) for _ in range(3)]))


@sound
def blocks_that_began_as_copies():
    block = nn.Sequential(nn.Linear(64, 64), nn.Tanh())
    return training(nn.Sequential(*(copy.deepcopy(block) for _ in range(2)), nn.Linear(64, 10)))


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.of_user, self.of_item = nn.Embedding(20, 4), nn.Parameter(torch.randn(20, 4))

    def forward(self, pairs):
        return (self.of_user(pairs[:, 0]) * self.of_item[pairs[:, 1]]).sum(1)


@patient("ND201", where="of_user")
def factors_that_begin_alike(sick):
    model = Factors()
    if sick:
        nn.init.constant_(model.of_user.weight, 0.3)
        nn.init.constant_(model.of_item, 0.3)
    pairs = torch.randint(0, 20, (256, 2))
    return training(model, nn.MSELoss(), (pairs, torch.randn(20, 20)[pairs[:, 0], pairs[:, 1]]))


@sound
def table_that_begins_at_zero():
    model = nn.Sequential(nn.Embedding(20, 8), nn.Flatten(), nn.Linear(96, 3))
    nn.init.zeros_(model[0].weight)
    ids, _ = tokens()
    return training(model, data=(ids, ids[:, 0] % 3))


@patient("ND202", where="0.weight")
def weights_that_hold_adam_back(sick):
    layers = [layer for _ in range(4) for layer in (nn.Linear(64, 64), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for layer in layers[::2] if sick else ():
        nn.init.normal_(layer.weight, std=0.006)
        nn.init.zeros_(layer.bias)
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=2e-3))


class Switches(nn.Module):
    def __init__(self, steepness):
        super().__init__()
        self.body, self.head, self.steepness = nn.Linear(64, 16), nn.Linear(16, 10), steepness

    def forward(self, x):
        return self.head(torch.sigmoid(self.steepness * self.body(x)))


@patient("ND307", where="sigmoid")
def sigmoids_that_switch(sick):
    return training(Switches(300.0 if sick else 1.0))


class Pools(nn.Module):
    def __init__(self, dim, name):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 8), nn.Linear(32, 3)
        self.name, self.dim = name, dim
        self.register_parameter(name, nn.Parameter(torch.randn(4, 8)))

    def forward(self, ids):
        x = self.embed(ids)
        weights = torch.einsum("btd,hd->bht", x, getattr(self, self.name)).softmax(self.dim)
        return self.head(torch.einsum("bht,btd->bhd", weights, x).flatten(1))


@patient("ND304", where="softmax")
def heads_of_a_learnt_query_compete(sick):
    ids, _ = tokens()
    return training(Pools(1 if sick else 2, "query"), data=(ids, ids[:, 0] % 3))


@sound
def words_are_shared_out_among_centres():
    ids, _ = tokens()
    return training(Pools(1, "centres"), data=(ids, ids[:, 0] % 3))


class Spread(nn.Module):
    """Mean and spread of the columns that a sample has, all others being zero."""

    def __init__(self, safe):
        super().__init__()
        self.head, self.safe = nn.Linear(2, 10), safe

    def forward(self, x):
        rows = [row[row != 0] for row in x]
        spread = [(row.var(correction=0) + 1e-5).sqrt() if self.safe else row.std() for row in rows]
        return self.head(torch.stack([torch.stack([row.mean() for row in rows]), torch.stack(spread)], 1))


@patient("ND308", where="std")
def sample_that_a_later_batch_brings(sick):
    inputs, targets = features()
    inputs[100, 1:] = 0.0
    setup = training(Spread(safe=not sick), data=(inputs, targets))
    ordered = torch.utils.data.DataLoader(setup.train_loader.dataset, batch_size=32, sampler=torch.arange(256).roll(7).tolist())
    return training(setup.model, train_loader=ordered)


class Drops(nn.Module):
    def __init__(self, sick):
        super().__init__()
        self.fc1, self.fc2, self.fc3, self.sick = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10), sick

    def forward(self, x):
        for layer in (self.fc1, self.fc2):
            x = layer(x)
            if self.sick:
                F.relu(x)  # lost
            else:
                x = F.relu(x)
        return self.fc3(x)


@patient("ND205", where="F.relu(x)")
def activation_whose_result_is_dropped(sick):
    return training(Drops(sick))


class Masked(nn.Module):
    def __init__(self, diagonal):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)
        self.query, self.key, self.value = (nn.Linear(16, 16) for _ in range(3))
        self.register_buffer("hidden", torch.ones(12, 12, dtype=torch.bool).triu(diagonal))

    def forward(self, ids):
        x = self.embed(ids)
        scores = self.query(x) @ self.key(x).mT / 4
        scores = scores.masked_fill(self.hidden, float("-inf"))
        return self.head(x + scores.softmax(-1) @ self.value(x)).mT


@patient("ND302", where="masked_fill")
def mask_that_hides_one_too_few(sick):
    return training(Masked(2 if sick else 1), data=tokens())
