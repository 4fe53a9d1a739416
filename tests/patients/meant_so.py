"""Sharing, linearity, shifts and opponents that are meant, beside their sick relatives that look much the same."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, quantities, tokens, training

# -- ND204 ----------------------------------------------------------------------------------------------------


@sound
def layers_shared_by_a_switch():
    class Latents(nn.Module):
        def __init__(self, weight_tie_layers=True):
            super().__init__()
            self.lift, self.head = nn.Linear(8, 16), nn.Linear(16, 10)
            first = nn.Linear(16, 16)
            self.layers = nn.ModuleList([first if weight_tie_layers else nn.Linear(16, 16) for _ in range(3)])

        def forward(self, x):
            x = self.lift(x.view(-1, 8, 8)).relu()
            for layer in self.layers:
                x = x + layer(x).relu()
            return self.head(x.mean(1))

    return training(Latents())


# -- ND205 ----------------------------------------------------------------------------------------------------


@sound
def product_of_matrices_without_bias():
    inputs, _ = features()
    targets = inputs @ torch.randn(64, 6) / 8
    layers = nn.Linear(64, 32, bias=False), nn.Linear(32, 32, bias=False), nn.Linear(32, 6, bias=False)
    return training(nn.Sequential(*layers), nn.MSELoss(), (inputs, targets))


@sound
def linear_dynamics_between_encoder_and_decoder():
    class Koopman(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 8))
            self.advance, self.decode = nn.Linear(8, 8, bias=False), nn.Linear(8, 16)

        def forward(self, x):
            return self.decode(self.advance(self.encode(x)))

    inputs, _ = quantities()
    return training(Koopman(), nn.MSELoss(), (inputs, inputs.sin() + 0.1 * inputs.roll(1, 1)))


@patient("ND205", where="layers.0")
def activation_called_and_its_result_dropped(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(64, 64), nn.Linear(64, 64)])
            self.out = nn.Linear(64, 10)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
                if sick:
                    F.relu(x)
                else:
                    F.relu(x, inplace=True)
            return self.out(x)

    return training(Net())


@patient("ND205", where="up")
def feed_forward_without_its_activation(sick):
    class FeedForward(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.up, self.down = nn.LayerNorm(32), nn.Linear(32, 128), nn.Linear(128, 32)

        def forward(self, x):
            hidden = self.up(self.norm(x))
            return x + self.down(hidden if sick else F.gelu(hidden))

    return training(nn.Sequential(nn.Linear(64, 32), FeedForward(), nn.Linear(32, 10)))


# -- ND302 ----------------------------------------------------------------------------------------------------


class Reader(nn.Module):
    """Reads from left to right, by itself one step behind or not."""

    def __init__(self, shifts):
        super().__init__()
        self.shifts = shifts
        self.embed, self.rnn, self.head = nn.Embedding(21, 16), nn.GRU(16, 32, batch_first=True), nn.Linear(32, 21)

    def forward(self, ids):
        ids = F.pad(ids[:, :-1], (1, 0), value=20) if self.shifts else ids
        return self.head(self.rnn(self.embed(ids))[0]).mT


@patient("ND302", where="cross_entropy")
def start_token_put_before_by_the_model(sick):
    ids, _ = tokens()
    return training(Reader(shifts=not sick), data=(ids, ids))


@sound
def echo_behind_a_constant_start():
    ids = torch.randint(0, 20, (64, 12))
    return training(Reader(shifts=False), data=(ids, F.pad(ids[:, :-1], (1, 0))))


class Translator(nn.Module):
    """Encodes the source, and decodes the target word for word."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(21, 16), nn.Linear(32, 21)
        self.encoder, self.decoder = nn.GRU(16, 32, batch_first=True), nn.GRU(16, 32, batch_first=True)

    def forward(self, source, words):
        return self.head(self.decoder(self.embed(words), self.encoder(self.embed(source))[1])[0]).mT


@patient("ND302", where="cross_entropy")
def decoder_that_gets_the_word_it_is_to_say(sick):
    def loss(setup, batch):
        source, words = batch
        given = words if sick else F.pad(words[:, :-1], (1, 0), value=20)
        return F.cross_entropy(setup.model(source, given), words)

    ids, _ = tokens()
    return training(Translator(), batch_loss=loss, data=(ids, ids.flip(1)))


# -- ND601: an opponent that another optimizer moves ----------------------------------------------------------


@sound
def generator_before_its_discriminator():
    class Game(nn.Module):
        def __init__(self):
            super().__init__()
            self.G, self.D = mlp(8, 16), mlp(16, 1)

    def loss(setup, batch):
        made = setup.model.D(setup.model.G(torch.randn(len(batch[0]), 8)))
        return F.binary_cross_entropy_with_logits(made, torch.ones_like(made))

    game = Game()
    optimizer = torch.optim.Adam(game.G.parameters(), lr=2e-4)
    return training(game, batch_loss=loss, optimizer=optimizer, train_loader=loader(quantities()[0]))


# -- ND505 ----------------------------------------------------------------------------------------------------


class Feedback(torch.autograd.Function):
    """A linear layer whose errors go back through weights of their own."""

    @staticmethod
    def forward(ctx, x, weight, back):
        ctx.save_for_backward(x, back)
        return x @ weight.T

    @staticmethod
    def backward(ctx, grad):
        x, back = ctx.saved_tensors
        return grad @ back, grad.T @ x, None


class Aligned(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / before**0.5)
        self.register_buffer("back", torch.randn(after, before) / before**0.5)

    def forward(self, x):
        return Feedback.apply(x, self.weight, self.back)


@sound
def errors_sent_back_through_weights_of_their_own():
    return training(nn.Sequential(Aligned(64, 32), nn.ReLU(), Aligned(32, 10)))
