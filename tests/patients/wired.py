"""Blocks that nobody calls, towers that get one input, classes that are looked for in another dimension."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, training

# -- ND206: a block of the user's own -------------------------------------------------------------------------


class Mixing(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.through, self.own = nn.Linear(width, width), nn.Linear(width, width, bias=False)

    def forward(self, x):
        return self.through(x).relu() + self.own(x)


class Three(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(64, 32), Mixing(32), Mixing(32)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.second(self.second(self.first(x).relu())))


class ThreeMended(Three):
    def forward(self, x):
        return self.head(self.third(self.second(self.first(x).relu())))


@patient("ND206", where="third")
def block_of_which_the_second_is_called_twice(sick):
    return training(Three() if sick else ThreeMended())


@sound
def a_block_for_inference_within_another_that_runs():
    class Codes(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.prior = nn.Linear(64, 32), Mixing(32)

        def forward(self, x):
            return self.inner(x).relu()

        def sample(self, noise):
            return self.prior(noise)

    return training(nn.Sequential(Codes(), nn.Linear(32, 10)))


# -- ND304, ND402: classes of every position ------------------------------------------------------------------


class Tagger(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.body, self.dim = nn.Linear(8, 6), dim

    def forward(self, x):
        return F.log_softmax(self.body(x), dim=self.dim)


def over_positions(scores, tags):
    return F.nll_loss(scores.flatten(0, 1), tags.flatten())


def tagged(model, loss_fn):
    x = torch.randn(64, 5, 8)
    return training(model, loss_fn, (x, x[..., :6].argmax(-1)))


@patient("ND304", where="log_softmax")
def positions_that_compete(sick):
    return tagged(Tagger(1 if sick else 2), over_positions)


@patient("ND402", where="nll_loss")
def classes_that_a_view_mixes_with_positions(sick):
    class ClassesFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(8, 6)

        def forward(self, x):
            return F.log_softmax(self.body(x).transpose(1, 2), dim=1)

    def flattened(scores, tags):
        scores = scores if sick else scores.transpose(1, 2)
        return F.nll_loss(scores.reshape(-1, 6), tags.flatten())

    return tagged(ClassesFirst(), flattened)


@sound
def log_probabilities_of_known_positions_alone():
    def of_some(scores, tags):
        known = tags != 0
        return F.nll_loss(scores[known], tags[known])

    return tagged(Tagger(2), of_some)


@sound
def a_class_that_is_left_out_of_the_answer():
    class One(Tagger):
        def __init__(self):
            super().__init__(-1)
            self.body = nn.Linear(64, 11)

    return training(One(), lambda scores, classes: F.nll_loss(scores[:, 1:], classes))


# -- ND303: one input for two ----------------------------------------------------------------------------------


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = mlp(16, 8), mlp(16, 8)

    def forward(self, a, b):
        return F.cosine_similarity(self.left(a), self.right(a))


class PairMended(Pair):
    def forward(self, a, b):
        return F.cosine_similarity(self.left(a), self.right(b))


def pairs():
    a, b = torch.randn(2, 256, 16)
    return a, b, F.cosine_similarity(a[:, :4], b[:, :4])


@patient("ND303", where="self.right(a)")
def towers_that_are_given_one_input(sick):
    return training(Pair() if sick else PairMended(), nn.MSELoss(), pairs())


class Encodes(nn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.head = mlp(16, 8), nn.Linear(8, 8)

    def encode(self, x):
        return self.head(self.net(x).relu())

    def forward(self, first, second):
        one = self.encode(first)
        two = self.encode(first)
        return F.cosine_similarity(one, two)


class EncodesBoth(Encodes):
    def forward(self, first, second):
        return F.cosine_similarity(self.encode(first), self.encode(second))


@patient("ND303", where="two = self.encode(first)")
def helper_that_is_given_one_input_twice(sick):
    return training(Encodes() if sick else EncodesBoth(), nn.MSELoss(), pairs())


@patient("ND303", where="batch[2]")
def negative_that_is_the_positive(sick):
    def batch_loss(setup, batch):
        anchor, positive, negative = batch
        others = (setup.model(positive), setup.model(positive)) if sick else (setup.model(positive), setup.model(negative))
        return F.triplet_margin_loss(setup.model(anchor), *others)

    inputs, _, _ = pairs()
    return training(mlp(16, 8), train_loader=loader(inputs, inputs + 0.1 * torch.randn_like(inputs), torch.randn_like(inputs)), batch_loss=batch_loss)


@sound
def an_input_for_export_beside_two_heads():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.spread = mlp(16, 1), mlp(16, 1)

        def forward(self, x, raw):
            del raw  # the interface of the other models
            return self.mean(x).squeeze(1) + 0.1 * self.spread(x).squeeze(1)

    a, b, _ = pairs()
    return training(Two(), nn.MSELoss(), (a, b, a[:, 0]))


@sound
def one_view_encoded_twice_with_dropout():
    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 8))

        def forward(self, x):
            return F.normalize(self.net(x), dim=1)

    def contrast(setup, batch):
        scores = setup.model(batch[0]) @ setup.model(batch[0]).T / 0.2
        return F.cross_entropy(scores, torch.arange(len(scores)))

    inputs, _, score = pairs()
    return training(Views(), train_loader=loader(inputs, score), batch_loss=contrast)


# -- ND202: where a loss is bounded ----------------------------------------------------------------------------


@patient("ND202", where=".weight")
def wide_weights_before_a_sigmoid_and_squares(sick):
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), nn.Sigmoid())
    if sick:
        for layer in (model[0], model[2]):
            nn.init.normal_(layer.weight)
    inputs, targets = features()
    return training(model, nn.MSELoss(), (inputs, F.one_hot(targets, 10).float()))


@sound
def waves_that_are_learnt():
    class Waves(nn.Module):
        def __init__(self):
            super().__init__()
            self.waves, self.net = nn.Parameter(4 * torch.randn(4, 32)), mlp(64, 1)

        def forward(self, x):
            turned = x @ self.waves
            return self.net(torch.cat([turned.sin(), turned.cos()], 1)).squeeze(1)

    x = torch.rand(256, 4)
    return training(Waves(), nn.MSELoss(), (x, (6 * x[:, 0]).sin() * x[:, 1]))


# -- ND106: places in what a batch holds end to end ------------------------------------------------------------


@sound
def bags_of_words_in_batches_of_two_sizes():
    class Bags(nn.Module):
        def __init__(self):
            super().__init__()
            self.bag, self.head = nn.EmbeddingBag(30, 8), nn.Linear(8, 3)

        def forward(self, words):
            return self.head(self.bag(*words))

    def collated(rows):
        lengths = torch.tensor([0] + [len(words) for words, _ in rows[:-1]])
        return (torch.cat([words for words, _ in rows]), lengths.cumsum(0)), torch.tensor([kind for _, kind in rows])

    def made(count):
        kinds = [int(torch.randint(3, ())) for _ in range(count)]
        return [(torch.randint(10 * kind, 10 * kind + 10, (int(torch.randint(4, 12, ())),)), kind) for kind in kinds]

    train, val = (DataLoader(made(count), batch_size=size, shuffle=count > 100, collate_fn=collated) for count, size in ((192, 16), (96, 48)))
    return training(Bags(), train_loader=train, val_loader=val)


# -- ND306: dropping by hand -----------------------------------------------------------------------------------


class Drops(nn.Module):
    def __init__(self, always):
        super().__init__()
        self.body, self.head, self.always = nn.Linear(64, 32), nn.Linear(32, 10), always

    def forward(self, x):
        hidden = self.body(x).relu()
        if self.always or self.training:
            kept = (torch.rand_like(hidden) > 0.2).float()
            hidden = hidden * kept / 0.8
        return self.head(hidden)


@patient("ND306", where="hidden * kept")
def dropout_by_hand_that_never_rests(sick):
    return training(Drops(sick))


@sound
def inputs_spoilt_on_purpose_in_evaluation_too():
    class Restores(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(64, 64)

        def forward(self, x):
            return self.net(x * (torch.rand_like(x) > 0.2))

    inputs, _ = features()
    return training(Restores(), nn.MSELoss(), (inputs, inputs))


@patient("ND304", where="log_softmax")
def samples_that_compete_in_a_loss_by_hand(sick):
    def picked(outputs, classes):
        scores = F.log_softmax(outputs, dim=0 if sick else 1)
        return -scores[torch.arange(len(classes)), classes].mean()

    return training(mlp(), picked)
