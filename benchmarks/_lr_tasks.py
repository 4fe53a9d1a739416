"""Twenty small trainings whose best learning rate is known from a grid, and trainings on which there is none to find.

Half of the twenty were looked at while the rule of `lr_find` was chosen, on the others (*held out*) nothing was changed.
Every task is `model(inputs)` against `targets`, so that the peers can take it too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adagrad, Adam, AdamW, NAdam, RMSprop
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup

Data = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Task:
    """A training, built anew from a seed for its weights and the order of its batches."""

    name: str
    held_out: bool
    data: Callable[[], Data]
    model: Callable[[], nn.Module]
    optimizer: Callable[[Any, float], torch.optim.Optimizer]  # of parameters and a learning rate
    loss_fn: Callable[[Tensor, Tensor], Tensor]
    batch_size: int = 32

    def build(self, seed: int, rate: float = 1e-3) -> TrainingSetup:
        torch.manual_seed(seed)
        inputs, targets = self.data()
        held = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
        train, val = held[len(held) // 5 :], held[: len(held) // 5]
        model = self.model()
        return TrainingSetup(
            model=model,
            loss_fn=self.loss_fn,
            optimizer=self.optimizer(model.parameters(), rate),
            train_loader=DataLoader(
                TensorDataset(inputs[train], targets[train]), batch_size=self.batch_size, shuffle=True, drop_last=True,
                generator=torch.Generator().manual_seed(seed),
            ),
            val_loader=DataLoader(TensorDataset(inputs[val], targets[val]), batch_size=256),
        )  # fmt: skip


# -- data ----------------------------------------------------------------------------------------------------------------


@functools.cache
def digits() -> Data:
    from sklearn.datasets import load_digits

    held = load_digits()
    return torch.tensor(held.data, dtype=torch.float32) / 16, torch.tensor(held.target)


def digit_images() -> Data:
    inputs, targets = digits()
    return inputs.reshape(-1, 1, 8, 8), targets


def digit_rows() -> Data:
    inputs, targets = digits()
    return inputs.reshape(-1, 8, 8), targets


def digits_themselves() -> Data:
    inputs, _ = digits()
    return inputs, inputs


def digit_images_themselves() -> Data:
    inputs, _ = digit_images()
    return inputs, inputs


def digit_halves() -> Data:
    """Which of the lower 32 pixels are lit, from the upper 32."""
    inputs, _ = digits()
    return inputs[:, :32], (inputs[:, 32:] > 0.5).float()


def table(name: str) -> Data:
    import sklearn.datasets

    held = getattr(sklearn.datasets, f"load_{name}")()
    inputs, targets = torch.tensor(held.data, dtype=torch.float32), torch.tensor(held.target)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    if targets.is_floating_point():
        return inputs, ((targets - targets.mean()) / targets.std()).float()[:, None]
    return inputs, targets


def friedman() -> Data:
    x = torch.rand(1500, 10, generator=torch.Generator().manual_seed(1))
    y = 10 * torch.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, y[:, None]  # neither is standardised


def waves() -> Data:
    """The next value of a sum of two sines, from 24 before it."""
    g = torch.Generator().manual_seed(2)
    at, speed = torch.rand(1200, 1, generator=g) * 50, 0.2 + 0.3 * torch.rand(1200, 1, generator=g)
    steps = at + torch.arange(25) * speed
    series = torch.sin(steps) + 0.5 * torch.sin(2.7 * steps)
    return series[:, :24, None], series[:, 24:]


@functools.cache
def text() -> Tensor:
    """40,000 letters of a second-order Markov chain over 16."""
    g = torch.Generator().manual_seed(3)
    chances = torch.rand(16, 16, 16, generator=g).pow(8).cumsum(-1)
    drawn, letters = torch.rand(40_000, generator=g), [0, 1]
    for at in drawn.tolist():
        chance = chances[letters[-2], letters[-1]]
        letters.append(int(torch.searchsorted(chance, at * chance[-1])))
    return torch.tensor(letters)


def next_letters() -> Data:
    windows = text()[: 33 * 1200].reshape(1200, 33)
    return windows[:, :-1], windows[:, 1:]


def topics(words: int = 500, length: int = 20) -> Data:
    """Bags of words of 8 topics that share most of their words."""
    g = torch.Generator().manual_seed(4)
    chances = torch.rand(8, words, generator=g) + 0.5
    targets = torch.randint(0, 8, (6000,), generator=g)
    return torch.multinomial(chances[targets], length, replacement=True, generator=g), targets


# -- models --------------------------------------------------------------------------------------------------------------


def mlp(*widths: int, between: Callable[[int], list[nn.Module]] = lambda width: [nn.ReLU()]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for one, other in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(one, other), *between(other)]
    return nn.Sequential(*layers[: -len(between(1))])


def cnn(norm: bool) -> nn.Sequential:
    norms = [nn.BatchNorm2d(16), nn.BatchNorm2d(32)] if norm else [nn.Identity(), nn.Identity()]
    first = [nn.Conv2d(1, 16, 3, padding=1), norms[0], nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, nn.Conv2d(16, 32, 3, padding=1), norms[1], nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10))


class Recurrent(nn.Module):
    """A recurrent net with a head on its last step, or on all of them."""

    def __init__(self, cell: type[nn.RNNBase], width: int, out: int, *, tokens: int = 0, every: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width) if tokens else None
        self.cell, self.head, self.every = cell(width, 48, batch_first=True), nn.Linear(48, out), every

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.embedding is None else self.embedding(x)
        steps = self.cell(x)[0]
        return self.head(steps if self.every else steps[:, -1])


class Transformer(nn.Module):
    """Two layers; causal over tokens, or with a head on the mean of rows."""

    def __init__(self, out: int, *, tokens: int = 0, width: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        self.enter = nn.Embedding(tokens, 32) if tokens else nn.Linear(width, 32)
        self.place = nn.Parameter(0.02 * torch.randn(64, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout, batch_first=True, norm_first=True)
        self.body, self.head, self.causal = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(32, out), bool(tokens)

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length) if self.causal else None
        x = self.body(self.enter(x) + self.place[:length], mask=mask, is_causal=self.causal)
        return self.head(x if self.causal else x.mean(1))


class Bag(nn.Module):
    def __init__(self, words: int, mode: str, width: int = 32) -> None:
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(words, width, mode=mode), nn.Linear(width, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.bag(x))


class Residual(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.enter, self.head = nn.Linear(64, width), nn.Linear(width, 10)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = x + F.gelu(layer(norm(x)))
        return self.head(x)


def conv_autoencoder() -> nn.Sequential:
    down = [nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 8, 3, stride=2, padding=1)]
    up = [nn.ReLU(), nn.ConvTranspose2d(8, 12, 4, stride=2, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.ConvTranspose2d(12, 1, 4, stride=2, padding=1)]
    return nn.Sequential(*down, *up)


def letters_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def with_norm(width: int) -> list[nn.Module]:
    return [nn.BatchNorm1d(width), nn.ReLU()]


def momentum(parameters: Any, lr: float) -> SGD:
    return SGD(parameters, lr=lr, momentum=0.9)


def nesterov(parameters: Any, lr: float) -> SGD:
    return SGD(parameters, lr=lr, momentum=0.9, nesterov=True, weight_decay=1e-4)


def decayed(parameters: Any, lr: float) -> AdamW:
    return AdamW(parameters, lr=lr, weight_decay=0.1)


TASKS = (
    Task("MLP, digits", False, digits, lambda: mlp(64, 128, 10), Adam, F.cross_entropy),
    Task("MLP, digits, SGD", False, digits, lambda: mlp(64, 128, 64, 10), SGD, F.cross_entropy),
    Task("CNN with batch norm, digits", False, digit_images, lambda: cnn(True), momentum, F.cross_entropy),
    Task("LSTM over rows, digits", False, digit_rows, lambda: Recurrent(nn.LSTM, 8, 10), Adam, F.cross_entropy),
    Task("transformer, letters", False, next_letters, lambda: Transformer(16, tokens=16), decayed, letters_loss),
    Task("regression, diabetes", False, lambda: table("diabetes"), lambda: mlp(10, 64, 64, 1), RMSprop, F.mse_loss),
    Task("autoencoder, digits", False, digits_themselves, lambda: mlp(64, 32, 8, 32, 64), Adam, F.mse_loss),
    Task("embedding bag, topics", False, topics, lambda: Bag(500, "mean"), Adagrad, F.cross_entropy),
    Task("deep MLP with batch norm, digits", False, digits, lambda: mlp(64, *[64] * 6, 10, between=with_norm), SGD, F.cross_entropy, 64),
    Task("linear, breast cancer", False, lambda: table("breast_cancer"), lambda: nn.Linear(30, 2), momentum, F.cross_entropy, 16),
    Task("CNN, digits", True, digit_images, lambda: cnn(False), Adam, F.cross_entropy, 64),
    Task("GRU, waves", True, waves, lambda: Recurrent(nn.GRU, 1, 1), RMSprop, F.mse_loss),
    Task("transformer over rows, digits", True, digit_rows, lambda: Transformer(10, dropout=0.1), momentum, F.cross_entropy),
    Task("regression, Friedman", True, friedman, lambda: mlp(10, 64, 64, 1), decayed, F.smooth_l1_loss),
    Task("embedding bag, long topics", True, lambda: topics(2000, 50), lambda: Bag(2000, "sum", 16), Adam, F.cross_entropy),
    Task("tanh and batch norm, wine", True, lambda: table("wine"), lambda: mlp(13, 32, 32, 3, between=lambda w: [nn.BatchNorm1d(w), nn.Tanh()]), Adagrad, F.cross_entropy, 16),
    Task("LSTM, letters", True, next_letters, lambda: Recurrent(nn.LSTM, 24, 16, tokens=16, every=True), momentum, letters_loss),
    Task("convolutional autoencoder, digits", True, digit_images_themselves, conv_autoencoder, AdamW, F.mse_loss),
    Task("residual MLP with layer norm, digits", True, digits, lambda: Residual(64, 4), nesterov, F.cross_entropy),
    Task("many labels, digits", True, digit_halves, lambda: mlp(32, 96, 96, 32, between=lambda w: [nn.SiLU(), nn.Dropout(0.2)]), NAdam, F.binary_cross_entropy_with_logits),
)  # fmt: skip


# -- nothing to find -----------------------------------------------------------------------------------------------------


def _control(model: nn.Module, loss_fn: Callable[[Tensor, Tensor], Tensor], data: Data, rates: Any = None, rate: float = 1e-2) -> TrainingSetup:
    loader = DataLoader(TensorDataset(*data), batch_size=32, shuffle=True, drop_last=True)
    return TrainingSetup(model=model, loss_fn=loss_fn, optimizer=Adam(rates or model.parameters(), lr=rate), train_loader=loader)


def zero_gradient() -> TrainingSetup:
    """A loss that is multiplied by 0."""
    return _control(mlp(64, 32, 10), lambda outputs, targets: 0 * F.cross_entropy(outputs, targets) + 2.3, digits())


def loss_without_weights() -> TrainingSetup:
    """A loss that looks at the targets alone, and at a constant that wants a gradient."""
    spare = torch.zeros((), requires_grad=True)
    return _control(mlp(64, 32, 10), lambda outputs, targets: targets.float().mean() + 0 * spare, digits())


def frozen_with_an_unused_head() -> TrainingSetup:
    """The body is frozen, and the head that is not is never called."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = mlp(64, 32, 10).requires_grad_(False), nn.Linear(10, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x.requires_grad_())

    return _control(Net(), F.cross_entropy, digits())


def random_labels_on_a_frozen_body() -> TrainingSetup:
    """A head at 0 over fixed features, and labels that have nothing to do with them."""
    model = nn.Sequential(mlp(64, 16).requires_grad_(False), nn.ReLU(), nn.Linear(16, 2))
    nn.init.zeros_(model[2].weight), nn.init.zeros_(model[2].bias)
    inputs = torch.randn(8000, 64, generator=torch.Generator().manual_seed(5))
    return _control(model, F.cross_entropy, (inputs, torch.arange(8000) % 2), list(model[2].parameters()))


def constant_target_that_is_hit() -> TrainingSetup:
    """The one value that all targets have is the one that is predicted."""
    model = mlp(64, 32, 1)
    nn.init.zeros_(model[2].weight), nn.init.constant_(model[2].bias, 3.0)
    return _control(model, F.mse_loss, (digits()[0], torch.full((len(digits()[0]), 1), 3.0)))


def rate_of_zero_where_the_gradient_is() -> TrainingSetup:
    """The only group that the loss depends on has a rate of 0."""
    model = nn.ModuleDict({"body": mlp(64, 32, 10), "spare": nn.Linear(4, 4)})
    model.forward = lambda x: model["body"](x)  # type: ignore[method-assign]
    groups = [{"params": model["body"].parameters(), "lr": 0.0}, {"params": model["spare"].parameters()}]
    return _control(model, F.cross_entropy, digits(), groups)


def dead_units() -> TrainingSetup:
    """Every ReLU is off for every sample."""
    model = mlp(64, 32, 10)
    nn.init.constant_(model[0].bias, -100.0), nn.init.zeros_(model[2].bias)
    model[2].bias.requires_grad_(False)
    return _control(model, F.cross_entropy, digits())


def noise_at_its_mean() -> TrainingSetup:
    """A regression that predicts the mean of pure noise."""
    g = torch.Generator().manual_seed(6)
    inputs, targets = torch.randn(8000, 10, generator=g), torch.randn(8000, 1, generator=g)
    model = nn.Linear(10, 1)
    nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
    return _control(model, F.mse_loss, (inputs, targets))


def learnt_already() -> TrainingSetup:
    """Digits, after 3000 steps."""
    torch.manual_seed(0)
    setup = TASKS[0].build(0, 3e-3)
    for _ in range(70):
        for batch in setup.train_loader:
            setup.backward(setup.loss(batch))
            setup.step()
    return setup


CONTROLS = (
    zero_gradient, loss_without_weights, frozen_with_an_unused_head, random_labels_on_a_frozen_body, constant_target_that_is_hit,
    rate_of_zero_where_the_gradient_is, dead_units, noise_at_its_mean, learnt_already,
)  # fmt: skip
