"""Small data and models that the patients share. Everything can be learnt, everything is seeded."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup


def features(samples: int = 256, columns: int = 64, classes: int = 10) -> tuple[Tensor, Tensor]:
    """Standardised columns (samples, columns) and the classes (samples,) that a linear teacher gives them."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(samples, columns, generator=generator)
    teacher = torch.randn(columns, classes, generator=generator)
    return inputs, (inputs @ teacher).argmax(1)


def images(samples: int = 128) -> tuple[Tensor, Tensor]:
    """Grey images (samples, 1, 8, 8) in 0..1 and their classes."""
    inputs, targets = features(samples)
    return inputs.sigmoid().view(-1, 1, 8, 8), targets


def quantities(samples: int = 256, columns: int = 16) -> tuple[Tensor, Tensor]:
    """Columns (samples, columns) and a standardised quantity (samples,) to regress."""
    inputs, _ = features(samples, columns)
    target = inputs[:, 0] - 0.5 * inputs[:, 1] ** 2 + 0.1 * inputs[:, 2]
    return inputs, (target - target.mean()) / target.std()


def tokens(samples: int = 64, length: int = 12, vocabulary: int = 20) -> tuple[Tensor, Tensor]:
    """Token ids (samples, length) that count upwards, and the same shifted by one."""
    start = torch.randint(0, vocabulary, (samples, 1), generator=torch.Generator().manual_seed(2))
    ids = (start + torch.arange(length + 1)) % vocabulary
    return ids[:, :-1], ids[:, 1:]


def loader(*tensors: Tensor, batch_size: int = 32, shuffle: bool = True) -> DataLoader:
    return DataLoader(TensorDataset(*tensors), batch_size=batch_size, shuffle=shuffle)


def mlp(columns: int = 64, outputs: int = 10, *tail: nn.Module, hidden: int = 32) -> nn.Sequential:
    return nn.Sequential(nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, outputs), *tail)


def training(model: nn.Module, loss_fn: object = None, data: tuple[Tensor, ...] | None = None, **parts: object) -> TrainingSetup:
    """The model on its data with cross-entropy and Adam, unless something else is said."""
    given = {
        "loss_fn": loss_fn if loss_fn is not None or "batch_loss" in parts else nn.CrossEntropyLoss(),
        "train_loader": loader(*(data or features())),
        "optimizer": torch.optim.Adam(model.parameters(), lr=1e-2),
    }
    return TrainingSetup(model=model, **{**given, **parts})
