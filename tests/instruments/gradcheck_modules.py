"""Standard modules, each in a small training of its own: every gradient of them is right."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

from nbdebug import TrainingSetup

ACTIVATIONS = (
    "ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Softplus Softsign Sigmoid LogSigmoid Tanh Tanhshrink Hardtanh Hardswish "
    "Hardsigmoid Hardshrink Softshrink PReLU RReLU GLU Softmax LogSoftmax Softmin"
).split()


class Only(nn.Module):
    """One module between an affine map and a squared mean, so that a gradient goes through it and to its input."""

    def __init__(self, module: nn.Module, call: Callable[[nn.Module, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.module, self.call = module, call
        self.scale = nn.Parameter(torch.tensor(1.1))

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.scale if x.is_floating_point() or x.is_complex() else x
        return self.call(self.module, x) if self.call is not None else self.module(x)


def wavy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Every element counts, each a little differently."""
    outputs = torch.view_as_real(outputs) if outputs.is_complex() else outputs
    weights = torch.linspace(0.5, 1.5, outputs.numel(), device=outputs.device).reshape(outputs.shape)
    return (weights * outputs).square().mean() + (weights * outputs).mean()


def setup(module: nn.Module, x: Tensor, call: Callable[[nn.Module, Tensor], Tensor] | None = None, loss_fn: object = wavy, y: Tensor | None = None) -> TrainingSetup:
    targets = torch.zeros(len(x)) if y is None else y
    return TrainingSetup(model=Only(module, call), loss_fn=loss_fn, train_loader=[(x, targets)])


def first(module: nn.Module, x: Tensor) -> Tensor:
    return module(x)[0]


def self_attention(module: nn.Module, x: Tensor) -> Tensor:
    return module(x, x, x)[0]


def twice(module: nn.Module, x: Tensor) -> Tensor:
    return module(x, x.flip(0))


def images(channels: int = 3, size: int = 8) -> Tensor:
    return torch.randn(4, channels, size, size)


def modules() -> dict[str, Callable[[], TrainingSetup]]:
    flat, sequence, picture = (lambda: torch.randn(6, 8)), (lambda: torch.randn(4, 5, 8)), images
    volume, ids = (lambda: torch.randn(3, 2, 5, 5, 5)), (lambda: torch.randint(0, 12, (6, 5)))
    made: dict[str, Callable[[], TrainingSetup]] = {
        "Linear": lambda: setup(nn.Linear(8, 5), flat()),
        "Bilinear": lambda: setup(nn.Bilinear(8, 8, 4), flat(), twice),
        "Conv1d": lambda: setup(nn.Conv1d(5, 4, 3, padding=1), sequence()),
        "Conv2d": lambda: setup(nn.Conv2d(3, 4, 3, stride=2), picture()),
        "Conv2d circular": lambda: setup(nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), picture()),
        "Conv2d groups": lambda: setup(nn.Conv2d(4, 4, 3, groups=4, dilation=2), picture(4)),
        "Conv3d": lambda: setup(nn.Conv3d(2, 3, 3), volume()),
        "ConvTranspose1d": lambda: setup(nn.ConvTranspose1d(5, 4, 3, stride=2), sequence()),
        "ConvTranspose2d": lambda: setup(nn.ConvTranspose2d(3, 4, 3, stride=2), picture()),
        "ConvTranspose3d": lambda: setup(nn.ConvTranspose3d(2, 3, 3), volume()),
        "BatchNorm1d": lambda: setup(nn.BatchNorm1d(8), flat()),
        "BatchNorm1d eval": lambda: setup(nn.BatchNorm1d(8).eval(), flat()),
        "BatchNorm2d": lambda: setup(nn.BatchNorm2d(3), picture()),
        "BatchNorm3d": lambda: setup(nn.BatchNorm3d(2), volume()),
        "LayerNorm": lambda: setup(nn.LayerNorm(8), flat()),
        "GroupNorm": lambda: setup(nn.GroupNorm(2, 4), picture(4)),
        "InstanceNorm1d": lambda: setup(nn.InstanceNorm1d(5, affine=True), sequence()),
        "InstanceNorm2d": lambda: setup(nn.InstanceNorm2d(3, affine=True, track_running_stats=True), picture()),
        "RMSNorm": lambda: setup(nn.RMSNorm(8), flat()),
        "LocalResponseNorm": lambda: setup(nn.LocalResponseNorm(2), picture()),
        "Embedding": lambda: setup(nn.Embedding(12, 4), ids()),
        "Embedding max_norm": lambda: setup(nn.Embedding(12, 4, max_norm=1.0), ids()),
        "Embedding max_norm and padding": lambda: setup(nn.Embedding(12, 4, padding_idx=0, max_norm=1.0), ids()),
        "Embedding sparse": lambda: setup(nn.Embedding(12, 4, sparse=True, padding_idx=0), ids()),
        "EmbeddingBag": lambda: setup(nn.EmbeddingBag(12, 4, mode="sum"), ids()),
        "EmbeddingBag max": lambda: setup(nn.EmbeddingBag(12, 4, mode="max"), ids()),
        "EmbeddingBag max_norm": lambda: setup(nn.EmbeddingBag(12, 4, max_norm=0.7), ids()),
        "LSTM": lambda: setup(nn.LSTM(8, 6, num_layers=2, dropout=0.3, batch_first=True), sequence(), first),
        "LSTM projected": lambda: setup(nn.LSTM(8, 6, proj_size=3, bidirectional=True), sequence(), first),
        "GRU": lambda: setup(nn.GRU(8, 6, bidirectional=True), sequence(), first),
        "RNN": lambda: setup(nn.RNN(8, 6, nonlinearity="relu"), sequence(), first),
        "LSTMCell": lambda: setup(nn.LSTMCell(8, 6), flat(), first),
        "GRUCell": lambda: setup(nn.GRUCell(8, 6), flat()),
        "RNNCell": lambda: setup(nn.RNNCell(8, 6), flat()),
        "MultiheadAttention": lambda: setup(nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True), sequence(), self_attention),
        "TransformerEncoderLayer": lambda: setup(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), sequence()),
        "TransformerDecoderLayer": lambda: setup(nn.TransformerDecoderLayer(8, 2, 16), sequence(), twice),
        "Transformer": lambda: setup(nn.Transformer(8, 2, 1, 1, 16), sequence(), twice),
        "AdaptiveLogSoftmaxWithLoss": lambda: setup(
            nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=1.5), flat(), lambda m, x: m(x, torch.arange(6) * 3).output
        ),
        "MaxPool1d": lambda: setup(nn.MaxPool1d(2), sequence()),
        "MaxPool2d": lambda: setup(nn.MaxPool2d(2), picture()),
        "MaxPool3d": lambda: setup(nn.MaxPool3d(2), volume()),
        "MaxUnpool2d": lambda: setup(nn.MaxPool2d(2, return_indices=True), picture(), lambda m, x: F.max_unpool2d(*m(x), 2)),
        "AvgPool1d": lambda: setup(nn.AvgPool1d(2), sequence()),
        "AvgPool2d": lambda: setup(nn.AvgPool2d(3, 2, 1), picture()),
        "AvgPool3d": lambda: setup(nn.AvgPool3d(2), volume()),
        "LPPool2d": lambda: setup(nn.LPPool2d(2, 2), picture()),
        "FractionalMaxPool2d": lambda: setup(nn.FractionalMaxPool2d(2, output_size=4), picture()),
        "AdaptiveAvgPool2d": lambda: setup(nn.AdaptiveAvgPool2d(3), picture()),
        "AdaptiveMaxPool2d": lambda: setup(nn.AdaptiveMaxPool2d(3), picture()),
        "Dropout": lambda: setup(nn.Dropout(0.5), flat()),
        "Dropout2d": lambda: setup(nn.Dropout2d(0.5), picture()),
        "AlphaDropout": lambda: setup(nn.AlphaDropout(0.3), flat()),
        "FeatureAlphaDropout": lambda: setup(nn.FeatureAlphaDropout(0.3), picture()),
        "Upsample nearest": lambda: setup(nn.Upsample(scale_factor=2), picture()),
        "Upsample bilinear": lambda: setup(nn.Upsample(scale_factor=2, mode="bilinear"), picture()),
        "Upsample bicubic": lambda: setup(nn.Upsample(scale_factor=1.5, mode="bicubic", align_corners=True), picture()),
        "PixelShuffle": lambda: setup(nn.PixelShuffle(2), picture(4)),
        "PixelUnshuffle": lambda: setup(nn.PixelUnshuffle(2), picture()),
        "ChannelShuffle": lambda: setup(nn.ChannelShuffle(2), picture(4)),
        "ReflectionPad2d": lambda: setup(nn.ReflectionPad2d(1), picture()),
        "Unfold": lambda: setup(nn.Unfold(3), picture()),
        "Fold": lambda: setup(nn.Fold((4, 4), 2, stride=2), torch.randn(3, 8, 4)),
        "Flatten": lambda: setup(nn.Flatten(), picture()),
        "CosineSimilarity": lambda: setup(nn.CosineSimilarity(), flat(), twice),
        "PairwiseDistance": lambda: setup(nn.PairwiseDistance(), flat(), twice),
        "Identity": lambda: setup(nn.Identity(), flat()),
        "Threshold": lambda: setup(nn.Threshold(0.1, 20.0), flat()),
        "Softmax2d": lambda: setup(nn.Softmax2d(), picture()),
        "weight_norm": lambda: setup(parametrizations.weight_norm(nn.Linear(8, 5)), flat()),
        "old weight_norm": lambda: setup(nn.utils.weight_norm(nn.Linear(8, 5)), flat()),
        "spectral_norm": lambda: setup(parametrizations.spectral_norm(nn.Linear(8, 5)), flat()),
        "old spectral_norm": lambda: setup(nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)), picture()),
        "orthogonal": lambda: setup(parametrizations.orthogonal(nn.Linear(8, 8)), flat()),
        "own parametrization": lambda: setup(_symmetric(nn.Linear(8, 8)), flat()),
        "complex Linear": lambda: setup(nn.Linear(8, 5, dtype=torch.cfloat), torch.randn(6, 8, dtype=torch.cfloat)),
    }
    for name in ACTIVATIONS:
        made[name] = lambda name=name: setup(nn.Sequential(nn.Linear(8, 6), _activation(name)), flat())
    return made


def losses() -> dict[str, Callable[[], TrainingSetup]]:
    x, classes = torch.randn(6, 8), torch.arange(6) % 5
    linear, real = (lambda outputs: nn.Linear(8, outputs)), torch.randn(6, 5)

    def loss(fn: object, y: Tensor, tail: nn.Module | None = None, outputs: int = 5) -> Callable[[], TrainingSetup]:
        return lambda: setup(nn.Sequential(linear(outputs), tail or nn.Identity()), x, loss_fn=fn, y=y)

    return {
        "CrossEntropyLoss": loss(nn.CrossEntropyLoss(weight=torch.rand(5), label_smoothing=0.1), classes),
        "CrossEntropyLoss probabilities": loss(nn.CrossEntropyLoss(), torch.rand(6, 5).softmax(1)),
        "CrossEntropyLoss ignore_index": loss(nn.CrossEntropyLoss(ignore_index=0), classes),
        "NLLLoss": loss(nn.NLLLoss(), classes, nn.LogSoftmax(1)),
        "BCELoss": loss(nn.BCELoss(), (real > 0).float(), nn.Sigmoid()),
        "BCEWithLogitsLoss": loss(nn.BCEWithLogitsLoss(pos_weight=torch.rand(5)), (real > 0).float()),
        "MSELoss": loss(nn.MSELoss(), real),
        "L1Loss": loss(nn.L1Loss(), real),
        "SmoothL1Loss": loss(nn.SmoothL1Loss(), real),
        "HuberLoss": loss(nn.HuberLoss(delta=0.5), real),
        "KLDivLoss": loss(nn.KLDivLoss(reduction="batchmean"), real.softmax(1), nn.LogSoftmax(1)),
        "PoissonNLLLoss": loss(nn.PoissonNLLLoss(), real.abs()),
        "SoftMarginLoss": loss(nn.SoftMarginLoss(), real.sign()),
        "MultiLabelSoftMarginLoss": loss(nn.MultiLabelSoftMarginLoss(), (real > 0).float()),
        "MultiLabelMarginLoss": loss(nn.MultiLabelMarginLoss(), torch.tensor([[0, 3, -1, -1, -1]] * 6)),
        "MultiMarginLoss": loss(nn.MultiMarginLoss(), classes),
        "HingeEmbeddingLoss": loss(nn.HingeEmbeddingLoss(), real.sign()),
        "GaussianNLLLoss": loss(lambda o, y: F.gaussian_nll_loss(o, y, F.softplus(o.flip(1))), real),
        "TripletMarginLoss": loss(lambda o, y: F.triplet_margin_loss(o, o.roll(1, 0), o.roll(2, 0)), real),
        "CosineEmbeddingLoss": loss(lambda o, y: F.cosine_embedding_loss(o, o.roll(1, 0), y), classes.float() % 2 * 2 - 1),
        "MarginRankingLoss": loss(lambda o, y: F.margin_ranking_loss(o[:, 0], o[:, 1], y), classes.float() % 2 * 2 - 1),
        "CTCLoss": lambda: setup(
            nn.Linear(8, 5), torch.randn(4, 7, 8),
            loss_fn=lambda o, y: F.ctc_loss(o.log_softmax(-1).transpose(0, 1), y, torch.full((4,), 7), torch.full((4,), 3)),
            y=torch.randint(1, 5, (4, 3)),
        ),
        "focal, weights stopped": loss(_focal, classes),
    }  # fmt: skip


def _focal(outputs: Tensor, targets: Tensor) -> Tensor:
    loss = F.cross_entropy(outputs, targets, reduction="none")
    return ((1 - (-loss.detach()).exp()) ** 2 * loss).mean()


def _activation(name: str) -> nn.Module:
    return getattr(nn, name)(dim=1) if name in ("Softmax", "LogSoftmax", "Softmin") else getattr(nn, name)()


def _symmetric(linear: nn.Linear) -> nn.Linear:
    class Symmetric(nn.Module):
        def forward(self, w: Tensor) -> Tensor:
            return w.triu() + w.triu(1).transpose(-1, -2)

    parametrize.register_parametrization(linear, "weight", Symmetric())
    return linear
