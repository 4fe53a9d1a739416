"""What the forward pass hears and what the loss is given: rates, several classes, one position alone, a maximum over the batch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, mlp, quantities, tokens, training

# -- ND301, ND303: what an output hears -----------------------------------------------------------------------


@patient("ND301", where="amax")
def scaled_by_the_largest_of_the_batch(sick):
    class Scales(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return self.net(x / (x.amax() if sick else x.amax(1, keepdim=True)))

    return training(Scales())


@sound
def quantised_with_one_range_for_the_batch():
    class Rounds(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.head = mlp(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            hidden = self.net(x)
            step = hidden.detach().abs().amax() / 127
            return self.head(hidden + ((hidden / step).round() * step - hidden).detach())

    return training(Rounds())


def rows(sick, recurrent):
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.lift = nn.Linear(8, 16)
            self.mix = nn.GRU(16, 16, batch_first=True) if recurrent else nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
            self.head = nn.Linear(16, 10)

        def forward(self, x):
            x = self.lift(x)
            x = self.mix(x)[0] if recurrent else self.mix(x, nn.Transformer.generate_square_subsequent_mask(8), is_causal=True)
            return self.head(x[:, 0] if sick else x[:, -1])

    return Reads()


def pictures():
    inputs, targets = features()
    return inputs.view(-1, 8, 8), targets


@patient("ND303", where="__getitem__")
def recurrence_read_at_its_first_state(sick):
    return training(rows(sick, recurrent=True), data=pictures())


@patient("ND303", where="__getitem__")
def causal_attention_read_at_its_first_state(sick):
    return training(rows(sick, recurrent=False), data=pictures())


@sound
def rollout_from_the_first_state():
    class Rolls(nn.Module):
        def __init__(self):
            super().__init__()
            self.step = nn.Linear(4, 4)

        def forward(self, path):
            states = [path[:, 0]]
            for _ in range(path.shape[1] - 1):
                states.append(states[-1] + 0.1 * self.step(states[-1]))
            return torch.stack(states, 1)

    start = torch.randn(256, 1, 4)
    path = start * torch.exp(-0.1 * torch.arange(8.0))[None, :, None]
    return training(Rolls(), nn.MSELoss(), (path, path))


@sound
def last_reading_says_it_all():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(8, 10)

        def forward(self, x):
            return self.net(x)[:, -1]

    inputs, _ = pictures()
    return training(Last(), data=(inputs, inputs[:, -1].argmax(1) % 10))


@sound
def residual_gates_that_begin_at_zero():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 10)
            self.attend, self.gate = nn.MultiheadAttention(16, 2, batch_first=True), nn.Parameter(torch.zeros(1))

        def forward(self, ids):
            x = self.embed(ids)
            return self.head((x + self.gate * self.attend(x, x, x)[0])[:, 0])

    ids, _ = tokens()
    return training(Gated(), data=(ids, ids.sum(1) % 10))


# -- ND402, ND404, ND405: what the loss is given --------------------------------------------------------------


def counts():
    inputs, _ = quantities()
    return inputs, torch.poisson((0.5 * inputs[:, 0]).exp(), generator=torch.Generator().manual_seed(3))


@patient("ND402", where="loss_fn (PoissonNLLLoss)")
def rate_where_its_logarithm_is_asked_for(sick):
    return training(mlp(16, 1, nn.Softplus(), nn.Flatten(0)), nn.PoissonNLLLoss(log_input=sick), counts())


@patient("ND402", where="poisson_nll_loss")
def logarithm_where_the_rate_is_asked_for(sick):
    return training(mlp(16, 1, nn.Flatten(0)), nn.PoissonNLLLoss(log_input=not sick), counts())


@sound
def rate_with_a_floor():
    class Rate(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(16, 1, nn.Flatten(0))

        def forward(self, x):
            return F.softplus(self.net(x)) + 1e-4

    return training(Rate(), nn.PoissonNLLLoss(log_input=False), counts())


@patient("ND402", where="ctc_loss")
def ctc_of_raw_scores(sick):
    class Hears(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(8, 5)

        def forward(self, x):
            scores = self.net(x).transpose(0, 1)
            return scores if sick else scores.log_softmax(-1)

    def loss_fn(scores, targets):
        length, samples = scores.shape[:2]
        return F.ctc_loss(scores, targets, torch.full((samples,), length), torch.full((samples,), 3))

    inputs, _ = pictures()
    return training(Hears(), loss_fn, (inputs, inputs[:, 2:8:2, :4].argmax(2) + 1))


@patient("ND402", where="kl_div")
def divergence_from_logarithms(sick):
    def loss_fn(outputs, targets):
        return F.kl_div(outputs.log_softmax(1), targets.log(), log_target=not sick, reduction="batchmean")

    inputs, targets = features()
    return training(mlp(), loss_fn, (inputs, F.one_hot(targets, 10).float() * 0.9 + 0.01))


def tags():
    inputs, _ = features()
    return inputs, (inputs[:, 18:22] > inputs[:, 18:22].median(0).values).float()


@patient("ND404", where="cross_entropy")
def several_tags_that_exclude_each_other(sick):
    return training(mlp(64, 4), nn.CrossEntropyLoss() if sick else nn.BCEWithLogitsLoss(), tags())


@sound
def multinomial_autoencoder():
    _, ratings = tags()
    bags = torch.cat([ratings, 1 - ratings], 1)
    return training(mlp(8, 8), nn.CrossEntropyLoss(), (bags, bags))


@sound
def shares_of_classes():
    inputs, ratings = tags()
    return training(mlp(64, 4), nn.CrossEntropyLoss(), (inputs, (ratings + 0.1) / (ratings + 0.1).sum(1, keepdim=True)))


@patient("ND404", where="soft_margin_loss")
def margin_of_zeros_and_ones(sick):
    inputs, targets = features()
    signs = (targets > 4).float()
    return training(mlp(64, 1, nn.Flatten(0)), nn.SoftMarginLoss(), (inputs, signs if sick else 2 * signs - 1))


@patient("ND405", where="forward_and_loss.py")
def cosine_minimised(sick):
    def loss_fn(outputs, targets):
        cosine = F.cosine_similarity(outputs, targets, dim=1).mean()
        return 1 + cosine if sick else 1 - cosine

    inputs, _ = quantities()
    return training(mlp(16, 16), loss_fn, (inputs, inputs.roll(1, 1)))


@patient("ND403", where="forward_and_loss.py")
def column_against_row_in_a_loss_that_is_a_module(sick):
    class LogCosh(nn.Module):
        def forward(self, outputs, targets):
            apart = outputs - targets
            return (apart + F.softplus(-2 * apart)).mean()

    return training(mlp(16, 1, *([] if sick else [nn.Flatten(0)])), LogCosh(), quantities())


@patient("ND308", where="pow")
def nodes_without_neighbours(sick):
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            degree = (x.view(-1, 8, 8) > 1).sum(2).float()
            degree = degree if sick else degree.clamp(min=1)
            return self.net((x.view(-1, 8, 8) * degree.pow(-0.5)[:, :, None]).flatten(1))

    return training(Graph())


# -- ND307: units that nothing can wake -----------------------------------------------------------------------


class Halves(nn.Module):
    """A layer, and both signs of what it gives."""

    def __init__(self, both):
        super().__init__()
        self.body, self.head, self.both = nn.Linear(64, 32), nn.Linear(64, 10), both

    def forward(self, x):
        return self.head(self.both(self.body(x)))


@patient("ND307", where="relu")
def negative_half_through_the_same_rectifier(sick):
    return training(Halves(lambda x: torch.cat([x, x.clamp(max=0) if sick else -x], 1).relu()))


@patient("ND307", where="relu")
def rectified_turned_and_rectified(sick):
    def both(x):
        positive = F.relu(x)
        return torch.cat([positive, F.relu(torch.cat([-positive if sick else -x, x[:, :4]], 1))[:, :32]], 1)

    return training(Halves(both))


@sound
def rectifier_of_padded_channels():
    return training(Halves(lambda x: torch.cat([x, torch.zeros_like(x)], 1).relu()))


@sound
def rectifier_of_what_lies_beyond_a_margin():
    return training(Halves(lambda x: torch.cat([x, (0.5 - x.abs())], 1).relu()))


# -- ND305, ND404: losses that are written out ----------------------------------------------------------------


def squared(outputs, targets):
    return ((outputs.squeeze(-1) - targets.float()) ** 2).mean()


@patient("ND305", where="sigmoid")
def chance_beside_a_quantity_by_hand(sick):
    return training(mlp(16, 1, *([nn.Sigmoid()] if sick else [])), squared, quantities())


@patient("ND404", where="forward_and_loss.py")
def class_indices_subtracted(sick):
    return training(mlp(64, 1 if sick else 10), squared if sick else nn.CrossEntropyLoss(), features())


@sound
def chance_beside_zeros_and_ones_by_hand():
    inputs, targets = features()
    return training(mlp(64, 1, nn.Sigmoid()), squared, (inputs, (targets > 4).float()))


@sound
def advantage_of_a_bounded_critic():
    def loss_fn(outputs, targets):
        advantage = targets - outputs[:, 0].tanh()
        return (advantage**2).mean() + 1e-3 * (outputs[:, 1] ** 2).mean()

    inputs, targets = quantities()
    return training(mlp(16, 2), loss_fn, (inputs, targets.tanh()))
