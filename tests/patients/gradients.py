"""Units that can never differ, signals that fade or grow on their way back; and what only looks like it."""

from __future__ import annotations

import torch
from torch import nn

from nbdebug import TrainingSetup
from tests.patients import patient, sound
from tests.patients.parts import features, images, loader, mlp, tokens, training


def deep(depth: int, activation: type[nn.Module] = nn.ReLU, *, std: float | None = None, norm: bool = False) -> nn.Sequential:
    """`depth` weight matrices of width 64 on 64 columns, then a head for 10 classes."""
    layers: list[nn.Module] = []
    for _ in range(depth - 1):
        layers += [nn.Linear(64, 64), *([nn.BatchNorm1d(64)] if norm else []), activation()]
        if std is not None:
            nn.init.normal_(layers[-2].weight, std=std)
            nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers, nn.Linear(64, 10))


class Reads(nn.Module):
    """A recurrent net that reads the 64 columns one by one and answers at the end."""

    def __init__(self, cell: type[nn.RNNBase] = nn.RNN, radius: float | None = None, **options):
        super().__init__()
        self.rnn, self.head = cell(1, 32, batch_first=True, **options), nn.Linear(32, 10)
        if radius is not None:
            nn.init.orthogonal_(self.rnn.weight_hh_l0, gain=radius)

    def forward(self, x):
        return self.head(self.rnn(x[..., None])[0][:, -1])


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1)


# -- ND201 ----------------------------------------------------------------------------------------------------


@patient("ND201", where="0.weight")
def everything_starts_at_one_constant(sick):
    model = mlp()
    if sick:
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0.01)
    return training(model)


@patient("ND201", where="0.weight")
def everything_starts_at_zero(sick):
    model = deep(3, nn.Tanh)
    if sick:
        for parameter in model.parameters():
            nn.init.zeros_(parameter)
    return training(model)


@patient("ND201", where="weight_hh_l0")
def lstm_of_ones(sick):
    model = Reads(nn.LSTM)
    if sick:
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0.05)
    return training(model)


@patient("ND201", where="0.weight")
def equal_filters(sick):
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    if sick:
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0.02)
    return training(model, data=images())


# -- ND502 ----------------------------------------------------------------------------------------------------


@patient("ND502", where="0.weight")
def twelve_sigmoids(sick):
    return training(deep(12, nn.Sigmoid) if sick else deep(12, nn.ReLU, norm=True))


@patient("ND502", where="0.weight")
def twenty_plain_layers(sick):
    if sick:
        return training(deep(20))
    model = deep(20)
    for layer in model[:-1:2]:
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    return training(model)


@patient("ND502", where="0.weight")
def ten_plain_layers_and_sgd(sick):
    model = deep(10 if sick else 4)
    return training(model, optimizer=sgd(model))


# -- ND503 ----------------------------------------------------------------------------------------------------


@patient("ND503", where="weight_hh_l0")
def recurrence_that_grows(sick):
    return training(Reads(radius=2.5 if sick else 1.0))


@patient("ND503", where="weight")
def chaotic_depth(sick):
    return training(deep(10, nn.Tanh, std=0.7 if sick else 0.125))


@patient("ND503", where="weight")
def forty_batch_norms(sick):
    return training(deep(40 if sick else 10, norm=True))


# -- sound ----------------------------------------------------------------------------------------------------


class Blocks(nn.Module):
    """A residual trunk whose branches can start at zero, small, or as they are."""

    def __init__(self, branch_scale: float | None = None, depth: int = 12, norm: bool = True):
        super().__init__()
        self.stem, self.head = nn.Linear(64, 64), nn.Linear(64, 10)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(64) if norm else nn.Identity(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64))
            for _ in range(depth)
        )
        start = torch.full((64,), 1.0 if branch_scale is None else branch_scale)
        self.scales = nn.ParameterList(start.clone() for _ in range(depth))

    def forward(self, x):
        x = self.stem(x)
        for scale, block in zip(self.scales, self.blocks, strict=True):
            x = x + scale * block(x)
        return self.head(x)


@sound
def layer_scale_starts_tiny():
    return training(Blocks(1e-4))


@sound
def rezero():
    return training(Blocks(0.0, norm=False))


@sound
def deep_residual_net():
    return training(Blocks(depth=16))


@sound
def small_head_and_sgd():
    model = deep(4)
    nn.init.normal_(model[-1].weight, std=1e-3)
    return training(model, optimizer=sgd(model))


class LeftOut(nn.Module):
    """A residual branch that begins at zero, and that chance leaves out of half of the steps."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(64, 64), nn.Linear(64, 64)
        nn.init.zeros_(self.outer.weight)

    def forward(self, x):
        if self.training and torch.rand(()) < 0.5:
            return x
        return x + self.outer(self.inner(x).relu())


@sound
def zero_branches_with_stochastic_depth():
    return training(nn.Sequential(nn.Linear(64, 64), *(LeftOut() for _ in range(6)), nn.Linear(64, 10)))


@sound
def zero_head_after_a_zero_branch():
    """Nothing but the head gets a gradient at first, then everything wakes up."""
    model = Blocks(0.0)
    nn.init.zeros_(model.head.weight)
    return training(model)


@sound
def zero_convolutions():
    """ControlNet: a zero convolution in, a copy, a zero convolution out."""

    class Controlled(nn.Module):
        def __init__(self):
            super().__init__()
            self.base, self.enter = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(1, 8, 1)
            self.copy, self.leave, self.head = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1), nn.Linear(8, 10)
            for zero in (self.enter, self.leave):
                nn.init.zeros_(zero.weight)
                nn.init.zeros_(zero.bias)

        def forward(self, x):
            hidden = self.base(x)
            hidden = hidden + self.leave(self.copy(hidden + self.enter(x)).relu())
            return self.head(hidden.relu().mean((2, 3)))

    return training(Controlled(), data=images())


@sound
def constant_positions():
    """Positions that start at zero: their gradients differ."""

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.positions = nn.Embedding(20, 16), nn.Parameter(torch.zeros(12, 16))
            self.block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
            self.head = nn.Linear(16, 20)

        def forward(self, ids):
            mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
            return self.head(self.block(self.embed(ids) + self.positions, mask, is_causal=True)).mT

    return training(Tagger(), data=tokens())


@sound
def pre_norm_transformer_of_eight_layers():
    class Classifies(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=True, dropout=0.0)
            self.enter, self.head = nn.Linear(8, 32), nn.Linear(32, 10)
            self.blocks = nn.TransformerEncoder(layer, 8, enable_nested_tensor=False)

        def forward(self, x):
            return self.head(self.blocks(self.enter(x.view(-1, 8, 8))).mean(1))

    return training(Classifies())


@sound
def recurrent_net_forgets_the_distant_past():
    return training(Reads())


@sound
def lstm_over_sixty_steps():
    model = Reads(nn.LSTM)
    return training(model, optimizer=sgd(model))


@sound
def eight_layers_of_default_initialisation():
    return training(deep(8))


@sound
def twenty_batch_norms():
    return training(deep(20, norm=True))


@sound
def twenty_selu_layers():
    model = deep(20, nn.SELU, std=64**-0.5)
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=1e-3))  # ten times as much is too much for so deep a net


@sound
def duplicated_input_channels():
    """Grey images given as colour, and filters inflated alike: equal columns, unequal rows."""
    inputs, targets = images()
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    with torch.no_grad():
        model[0].weight.copy_(model[0].weight[:, :1].expand(-1, 3, -1, -1) / 3)
    return training(model, data=(inputs.expand(-1, 3, -1, -1), targets))


@sound
def complex_weights():
    class Rotates(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix, self.head = nn.Linear(64, 32, dtype=torch.complex64), nn.Linear(32, 10)

        def forward(self, x):
            return self.head(self.mix(x.to(torch.complex64)).abs())

    return training(Rotates())


@sound
def weight_norm():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(64, 32)), nn.ReLU(), nn.Linear(32, 10))
    return training(model)


@sound
def gradient_of_a_sum_over_samples():
    """A sum instead of a mean scales every gradient alike."""
    model = deep(4)
    return TrainingSetup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        optimizer=torch.optim.SGD(model.parameters(), lr=1e-3),
        train_loader=loader(*features()),
    )
