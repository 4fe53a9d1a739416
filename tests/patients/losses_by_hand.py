"""Losses and graphs as people write them by hand: columns of the batch, parts that leave the graph, one answer of two; and what looks like it."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributions import Categorical
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, quantities, training


def answers():
    """Inputs (samples, 16) and a yes or no (samples,) as 1 and 0."""
    inputs, quantity = quantities()
    return inputs, (quantity > 0).float()


class TwoHeads(nn.Module):
    """One tensor with a column for each head."""

    def __init__(self):
        super().__init__()
        self.body, self.level, self.risk = mlp(16, 32), nn.Linear(32, 1), nn.Linear(32, 1)

    def forward(self, x):
        hidden = self.body(x).relu()
        return torch.cat([self.level(hidden), self.risk(hidden)], 1)


@patient("ND501", where="risk")
def part_of_the_loss_as_a_plain_number(sick):
    inputs, quantity = quantities()

    def loss_fn(outputs, targets):
        level, risk = F.mse_loss(outputs[:, 0], targets[:, 0]), F.mse_loss(outputs[:, 1], targets[:, 1])
        return level + (risk.item() if sick else risk)

    return training(TwoHeads(), loss_fn, (inputs, torch.stack([quantity, inputs[:, 3]], 1)))


@patient("ND501", where="risk")
def parts_of_the_loss_in_a_new_tensor(sick):
    inputs, quantity = quantities()

    class Apart(TwoHeads):
        def forward(self, x):
            hidden = self.body(x).relu()
            return self.level(hidden)[:, 0], self.risk(hidden)[:, 0]

    def batch_loss(setup, batch):
        x, y = batch
        level, risk = setup.model(x)
        parts = [F.mse_loss(level, y), F.mse_loss(risk, x[:, 3])]
        return parts[0] + torch.tensor([part.item() for part in parts])[1] if sick else sum(parts)

    return training(Apart(), data=(inputs, quantity), batch_loss=batch_loss)


@sound
def zeros_that_are_true():
    """An adapter that begins at zero, and a head that this loss does not look at."""

    class Adapted(TwoHeads):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Linear(16, 4, bias=False), nn.Linear(4, 32, bias=False)
            nn.init.zeros_(self.up.weight)

        def forward(self, x):
            hidden = self.body(x).relu() + self.up(self.down(x))
            return torch.cat([self.level(hidden), self.risk(hidden)], 1)

    inputs, quantity = quantities()
    return training(Adapted(), lambda outputs, targets: F.mse_loss(outputs[:, 0], targets), (inputs, quantity))


@patient("ND501", where="losses_by_hand.py")
def method_under_no_grad(sick):
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = mlp(16, 8), mlp(16, 8)

        @torch.set_grad_enabled(not sick)
        def embedded(self, x):
            return F.normalize(self.right(x), dim=1)

        def forward(self, x):
            return 5 * F.normalize(self.left(x), dim=1) @ self.embedded(x.roll(1, 1)).T

    def batch_loss(setup, batch):
        scores = setup.model(batch[0])
        return F.cross_entropy(scores, torch.arange(len(scores)))

    return training(Towers(), data=(quantities()[0],), batch_loss=batch_loss)


@patient("ND403", where="losses_by_hand.py")
def column_of_the_batch_in_a_target(sick):
    inputs, quantity = quantities()
    model, slow = mlp(16, 2), mlp(16, 2).requires_grad_(False)
    moves, last = (inputs[:, 5:6] > 0).long(), (inputs[:, 6:7] > 1.5).float()

    def batch_loss(setup, batch):
        state, move, reward, following, done = batch
        with torch.no_grad():
            best = slow(following).max(1, keepdim=not sick).values
            target = reward + 0.5 * (1 - done) * best
        return ((setup.model(state).gather(1, move) - target) ** 2).mean()

    return training(model, data=(inputs, moves, quantity[:, None], inputs.roll(1, 0), last), batch_loss=batch_loss)


@patient("ND403", where="gaussian_nll_loss")
def mean_as_a_column_against_a_row(sick):
    class Gaussian(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 2)

        def forward(self, x):
            mean, spread = self.body(x).chunk(2, 1)
            return (mean, spread.exp()) if sick else (mean[:, 0], spread[:, 0].exp())

    return training(Gaussian(), lambda made, y: F.gaussian_nll_loss(made[0], y, made[1]), quantities())


@sound
def risk_sets_of_columns_and_rows():
    """Every sample beside every other, on purpose: a Cox model whose times came as a column."""
    inputs, quantity = quantities()

    def loss_fn(risk, times):
        still = times.squeeze(1) >= times
        apart = times - times.squeeze(1)
        return (torch.log((risk.exp() * still).sum(1)) - risk).mean() + 0.0 * apart.abs().mean()

    return training(mlp(16, 1, nn.Flatten(0)), loss_fn, (inputs, quantity[:, None].exp()))


@patient("ND401", where="sigmoid")
def probabilities_to_a_loss_over_several_labels(sick):
    inputs, _ = quantities()
    model = mlp(16, 4, *([nn.Sigmoid()] if sick else []))
    return training(model, nn.MultiLabelSoftMarginLoss(), (inputs, (inputs[:, :4] > 0).float()))


@patient("ND401", where="losses_by_hand.py")
def clamped_probabilities_as_logits(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 1)

        def forward(self, x):
            made = self.body(x)[:, 0]
            return made.sigmoid().clamp(1e-4, 1 - 1e-4) if sick else made

    return training(Net(), nn.BCEWithLogitsLoss(), answers())


@patient("ND404", where="losses_by_hand.py")
def hinge_of_zeros_and_ones(sick):
    inputs, answer = answers()

    def hinge(outputs, targets):
        return F.relu(1 - targets * outputs).mean()

    return training(mlp(16, 1, nn.Flatten(0)), hinge, (inputs, answer if sick else 2 * answer - 1))


@sound
def likelihood_of_the_right_class_by_hand():
    """The others are asked about by what the softmax leaves them."""
    inputs, classes = features(classes=4)

    def loss_fn(chances, targets):
        return -(targets * chances.clamp_min(1e-8).log()).sum(1).mean()

    return training(mlp(64, 4, nn.Softmax(1)), loss_fn, (inputs, F.one_hot(classes, 4).float()))


@patient("ND402", where="kl_div")
def divergence_from_raw_scores(sick):
    inputs, _ = quantities()
    scores = 2 * inputs[:, :4]

    def distilled(outputs, targets):
        return F.kl_div(F.log_softmax(outputs, 1), targets if sick else targets.softmax(1), reduction="batchmean")

    return training(mlp(16, 4), distilled, (inputs, scores))


@patient("ND405", where="ctc_loss")
def alignment_made_worse(sick):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(20, 16), nn.Linear(16, 6)

        def forward(self, ids):
            return F.log_softmax(self.head(self.words(ids)), -1)

    ids = torch.randint(0, 20, (128, 10))

    def batch_loss(setup, batch):
        scores, size = setup.model(batch[0]).transpose(0, 1), len(batch[0])
        loss = F.ctc_loss(scores, batch[1], torch.full((size,), 10), torch.full((size,), 3))
        return -loss if sick else loss

    return training(Reader(), data=(ids, ids[:, :3] % 5 + 1), batch_loss=batch_loss)


@patient("ND405", where="cosine_similarity")
def likeness_minimised_in_a_batch_loss(sick):
    inputs, _ = features(columns=16)

    def batch_loss(setup, batch):
        alike = F.cosine_similarity(setup.model(batch[0]), batch[1]).mean()
        return alike if sick else 1 - alike

    return training(nn.Linear(16, 16), data=(inputs, inputs.roll(1, 1)), batch_loss=batch_loss)


@sound
def velocity_of_a_diffusion_by_hand():
    """The clean sample has the shape of the output, and is no target."""
    inputs, _ = features(columns=16)

    def batch_loss(setup, batch):
        (clean,) = batch
        noise = torch.randn_like(clean)
        made = setup.model(0.6 * clean + 0.8 * noise)
        return ((made - (0.6 * noise - 0.8 * clean)) ** 2).mean()

    return training(mlp(16, 16), data=(inputs,), batch_loss=batch_loss)


@patient("ND405", where="losses_by_hand.py")
def actions_discouraged_a_line_later(sick):
    inputs, _ = quantities()

    def batch_loss(setup, batch):
        policy = Categorical(logits=setup.model(batch[0]))
        action = policy.sample()
        reward = (action == (batch[0][:, 0] > 0).long()).float()
        advantage = reward - reward.mean()
        praised = policy.log_prob(action) * advantage
        return (praised.mean() if sick else -praised.mean()) - 0.01 * policy.entropy().mean()

    return training(mlp(16, 2), data=(inputs,), batch_loss=batch_loss)


@patient("ND405", where="cross_entropy")
def sum_that_is_thrown_about(sick):
    model = mlp(16, 4)
    inputs, _ = quantities()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    return training(model, nn.CrossEntropyLoss(reduction="sum" if sick else "mean"), (inputs, inputs[:, :4].argmax(1)), optimizer=optimizer)


class Cosines(nn.Module):
    def __init__(self, temperature):
        super().__init__()
        self.body, self.prototypes, self.temperature = mlp(64, 16), nn.Parameter(torch.randn(10, 16)), temperature

    def forward(self, x):
        return F.linear(F.normalize(self.body(x)), F.normalize(self.prototypes)) / self.temperature


@patient("ND406", where="losses_by_hand.py")
def temperature_too_cold(sick):
    return training(Cosines(0.004 if sick else 0.1))


@sound
def cosines_at_the_scale_of_arcface():
    return training(Cosines(1 / 64), train_loader=loader(*features()))
