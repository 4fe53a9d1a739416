"""Units that never respond, weights of unsound scale; and what only looks like it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training


def layers(activation: type[nn.Module] = nn.ReLU, *, hidden: int = 48, depth: int = 2) -> nn.Sequential:
    inside = [layer for _ in range(depth - 1) for layer in (nn.Linear(hidden, hidden), activation())]
    return nn.Sequential(nn.Linear(64, hidden), activation(), *inside, nn.Linear(hidden, 10))


def matrices(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.ndim >= 2]


def enough(model: nn.Module, **parts: object):
    return training(model, data=features(512), **parts)


# -- ND307 ----------------------------------------------------------------------------------------------------


@patient("ND307", where="1 · ")
def all_dead_after_a_negative_bias(sick):
    model = layers()
    nn.init.constant_(model[0].bias, -20.0 if sick else 0.1)
    return enough(model)


class Functional(nn.Module):
    """Calls relu as a function, in place."""

    def __init__(self, bias: float):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)
        nn.init.constant_(self.second.bias[:60].detach(), bias)

    def forward(self, x):
        x = F.relu(self.first(x))
        return self.head(F.relu(self.second(x), inplace=True))


@patient("ND307", where="relu")
def most_units_of_a_functional_relu_dead(sick):
    return enough(Functional(-20.0 if sick else 0.0))


@patient("ND307", where="1 · ")
def tanh_pushed_to_its_end(sick):
    model = layers(nn.Tanh)
    nn.init.constant_(model[0].bias, 30.0 if sick else 0.0)
    return enough(model)


@patient("ND307", where="features.1")
def dead_filters(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten())
            self.head = nn.Linear(512, 10)
            nn.init.constant_(self.features[0].bias, -10.0 if sick else 0.0)

        def forward(self, x):
            return self.head(self.features(x))

    return training(Net(), data=images(256))


# -- ND202 ----------------------------------------------------------------------------------------------------


@patient("ND202", where="0.weight")
def first_layer_far_too_large(sick):
    model = layers()
    if sick:
        nn.init.normal_(model[0].weight, std=8.0)
    return enough(model)


class Placed(nn.Module):
    """Patches of a picture with a table of positions, (1, 4, 16), that is only added."""

    def __init__(self, width):
        super().__init__()
        self.lift, self.places = nn.Linear(16, 16), nn.Parameter(torch.randn(1, 4, 16) * width)
        self.mix, self.head = nn.Linear(16, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.mix(self.lift(x.view(-1, 4, 16)) + self.places).relu().mean(1))


@patient("ND202", where="places")
def positions_that_drown_the_patches(sick):
    return training(Placed(30.0 if sick else 0.3))


@patient("ND202", where="embed.weight")
def embedding_far_too_large(sick):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)
            if sick:
                nn.init.normal_(self.embed.weight, std=100.0)

        def forward(self, ids):
            return self.head(self.embed(ids)).mT

    return training(Tagger(), data=tokens())


@patient("ND202", where="0.weight")
def everything_far_too_small(sick):
    model = layers(depth=3)
    for matrix in matrices(model):
        nn.init.normal_(matrix, std=1e-6) if sick else nn.init.kaiming_normal_(matrix)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    return enough(model)


@patient("ND202", where="0.weight")
def too_small_for_sgd(sick):
    model = layers(depth=3)
    for matrix in matrices(model):
        nn.init.normal_(matrix, std=0.003 if sick else 0.2)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    return enough(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))


# -- sound ----------------------------------------------------------------------------------------------------


class Codes(nn.Module):
    """An overcomplete autoencoder whose code is sparse on purpose."""

    def __init__(self, silent: float):
        super().__init__()
        self.encode, self.decode = nn.Linear(16, 128), nn.Linear(128, 16)
        nn.init.constant_(self.encode.bias[: int(silent * 128)].detach(), -20.0)

    def forward(self, x):
        code = self.encode(x).relu()
        return self.decode(code), code


@sound
def sparse_autoencoder_with_many_dead_units():
    def batch_loss(setup, batch):
        outputs, code = setup.model(batch)
        return F.mse_loss(outputs, batch) + 1e-3 * code.abs().mean()

    inputs, _ = quantities(512)
    return training(Codes(0.9), batch_loss=batch_loss, train_loader=torch.utils.data.DataLoader(inputs, batch_size=32, shuffle=True))


@sound
def squeeze_layer_of_four_units():
    """Pooled features hardly vary, so that few units are on or off for all samples."""

    class Squeeze(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve, self.norm = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16)
            self.down, self.up, self.head = nn.Linear(16, 4), nn.Linear(4, 16), nn.Linear(16, 10)
            nn.init.constant_(self.down.bias, -1.0)

        def forward(self, x):
            x = self.norm(self.convolve(x)).relu()
            gate = self.up(self.down(x.mean((2, 3))).relu()).sigmoid()
            return self.head((x * gate[..., None, None]).mean((2, 3)))

    return training(Squeeze(), data=images(256))


@sound
def gates_that_start_shut():
    """A highway net: the gate's bias keeps the transform out at first."""

    class Highway(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter, self.transform, self.gate = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 32)
            self.head = nn.Linear(32, 10)
            nn.init.constant_(self.gate.bias, -9.0)

        def forward(self, x):
            x = self.enter(x).relu()
            gate = torch.sigmoid(self.gate(x))
            return self.head(gate * self.transform(x).relu() + (1 - gate) * x)

    return enough(Highway())


@sound
def confident_classifier():
    """Trained to saturation: the sigmoid that ends the model is where it should be."""

    class Confident(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(64, 1)
            with torch.no_grad():
                self.net.weight.zero_()
                self.net.weight[0, 0] = 60.0

        def forward(self, x):
            return self.net(x).sigmoid().squeeze(1)

    inputs, _ = features(512)
    inputs[:, 0] = inputs[:, 0].sign()
    return training(Confident(), nn.BCELoss(), (inputs, (inputs[:, 0] > 0).float()))


@sound
def large_weights_before_a_norm():
    model = nn.Sequential(nn.Linear(64, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 10))
    nn.init.normal_(model[0].weight, std=20.0)
    return enough(model)


@sound
def large_embedding_before_a_norm():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.norm, self.head = nn.Embedding(20, 16), nn.LayerNorm(16), nn.Linear(16, 20)
            nn.init.normal_(self.embed.weight, std=10.0)

        def forward(self, ids):
            return self.head(self.norm(self.embed(ids))).mT

    return training(Tagger(), data=tokens())


class Gpt(nn.Module):
    """GPT-2's initialisation: N(0, 0.02) everywhere, residual projections divided by the root of the depth."""

    def __init__(self, width: int = 32, blocks: int = 3, tied: bool = True):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True, activation="gelu")
        self.embed, self.positions = nn.Embedding(20, width), nn.Embedding(12, width)
        self.blocks = nn.TransformerEncoder(layer, blocks, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 20, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim >= 2:
                out = name.endswith(("out_proj.weight", "linear2.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * blocks) ** 0.5 if out else 0.02)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, ids: Tensor):
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        hidden = self.embed(ids) + self.positions(torch.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(hidden, mask=mask, is_causal=True))).mT


@sound
def gpt_2_initialisation():
    return training(Gpt(), data=tokens())


@sound
def gpt_2_initialisation_and_sgd():
    model = Gpt(tied=False)
    return training(model, data=tokens(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1))


@sound
def small_head():
    model = layers()
    nn.init.normal_(model[-1].weight, std=1e-4)
    return enough(model)


@sound
def default_embedding():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 64), nn.Linear(64, 20)

        def forward(self, ids):
            return self.head(self.embed(ids)).mT

    return training(Tagger(), data=tokens())


@sound
def narrow_and_deep():
    """Deep in a plain net the units hardly vary, so that about half of them are off for all samples."""
    inside = [layer for _ in range(6) for layer in (nn.Linear(16, 16), nn.ReLU())]
    return enough(nn.Sequential(nn.Linear(64, 16), nn.ReLU(), *inside, nn.Linear(16, 10)))


@sound
def maximal_update_parametrisation():
    """Hidden layers at 1/fan-in variance, a head a width smaller."""
    model = mlp(hidden=128)
    nn.init.normal_(model[0].weight, std=1 / 8)
    nn.init.normal_(model[2].weight, std=1 / 128)
    return enough(model)


@sound
def hinge_that_is_satisfied():
    """A relu in the loss that is zero for nearly all pairs."""

    def loss_fn(outputs, targets):
        margin = F.relu(0.2 - (outputs - outputs.roll(1, 0)).pow(2).sum(1))
        return F.cross_entropy(outputs, targets) + margin.mean()

    return training(mlp(), loss_fn, features(512), train_loader=loader(*features(512)))


class Encoded(nn.Module):
    """Blocks of which all weights have one spread, as a configuration gives it, and a head of two classes."""

    def __init__(self, spread: float, depth: int = 4):
        super().__init__()
        self.lift, self.head = nn.Linear(64, 32), nn.Linear(32, 2)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)) for _ in range(depth))
        self.norm = nn.LayerNorm(32)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=spread)
                nn.init.zeros_(part.bias)

    def forward(self, x):
        x = self.lift(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(self.norm(x))


@patient("ND202", where="Encoded.__init__")
def every_weight_of_a_spread_of_two(sick):
    inputs, labels = features(512)
    return training(Encoded(2.0 if sick else 0.05), data=(inputs, labels % 2))


@sound
def two_answers_from_many_faint_columns():
    """The head's weights are as large as its columns are small."""
    inputs, labels = features(512, columns=256)
    model = nn.Linear(256, 2)
    nn.init.normal_(model.weight, std=1.0)
    return training(nn.Sequential(nn.LayerNorm(256, elementwise_affine=False), _Faint(), model), data=(inputs, labels % 2))


class _Faint(nn.Module):
    def forward(self, x):
        return 0.05 * x
