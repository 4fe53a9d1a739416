"""Trainings whose loader goes wrong as it runs: in its transforms, its workers, its integers."""

from __future__ import annotations

import random

import numpy
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

from nbdebug import TrainingSetup
from tests.patients import patient, sound
from tests.patients.parts import features, images, mlp, training


class Prepared(Dataset):
    """Rows with a transform, or a generator of its own."""

    def __init__(self, rows, targets, transform, seed=None):
        self.rows, self.targets, self.transform = rows, targets, transform
        self.generator = numpy.random.default_rng(seed)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        return self.transform(row, self.generator) if self.transform.__code__.co_argcount == 2 else self.transform(row), self.targets[index]


def trained(model: nn.Module, data: Dataset, val: Dataset | None = None, workers: int = 0) -> TrainingSetup:
    loader = DataLoader(data, batch_size=32, shuffle=True, num_workers=workers)
    return training(model, train_loader=loader, val_loader=DataLoader(val, batch_size=32) if val is not None else None)


def classifier(channels: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10))


@patient("ND109", where="num_workers=2")
def noise_of_a_generator_that_workers_copy(sick):
    """A generator made in __init__ goes into every worker as it is."""

    def own(row, generator):
        return row + 0.1 * torch.from_numpy(generator.normal(size=row.shape)).float()

    def shared(row):
        return row + 0.1 * torch.randn_like(row)

    return trained(mlp(), Prepared(*features(), own if sick else shared, seed=0), workers=2)


@patient("ND110", where="val_loader")
def validation_split_from_augmented_data(sick):
    """random_split: both parts share one dataset, and so its augmentation."""

    def flip(image):
        return image.flip(-1) if torch.rand(()) < 0.5 else image

    def halves(transform):
        return random_split(Prepared(*images(), transform), (96, 32), torch.Generator().manual_seed(0))

    train, val = halves(flip)
    return trained(classifier(), train, val if sick else halves(lambda image: image * 1.0)[1])


@patient("ND101", where="Prepared.transform")
def rows_divided_by_a_deviation_of_nothing(sick):
    """Some rows are one value throughout: what they are divided by is 0, and the step that does so is named once for both loaders."""
    inputs, targets = features()
    inputs[::4] = 0.0

    def scale(row):
        return (row - row.mean()) / (row.std() + (0 if sick else 1e-3))

    return trained(mlp(), Prepared(inputs, targets, scale))


@patient("ND111", where="data_audit_running.py")
def brightness_of_bytes(sick):
    """Doubled in uint8: what was bright is dark."""

    def brighter(image):
        doubled = image * 2 if sick else (image.float() * 2).clamp(0, 255)
        return doubled.float() / 255

    pixels, targets = images()
    return trained(classifier(), Prepared((pixels * 200).byte(), targets, brighter))


@sound
def augmented_in_training_alone():
    """Random flips and noise, drawn from torch's generator; two workers."""

    def augment(image):
        image = image.flip(-1) if random.random() < 0.5 else image
        return (image + 0.05 * torch.randn_like(image)).clamp(0, 1)

    pixels, targets = images()
    val = Prepared(pixels[96:], targets[96:], lambda image: image)
    return trained(classifier(), Prepared(pixels[:96], targets[:96], augment), val, workers=2)


@sound
def bytes_inverted_and_scaled():
    """255 - x leaves nothing to wrap."""
    pixels, targets = images()
    return trained(classifier(), Prepared((pixels * 255).byte(), targets, lambda image: (255 - image).float() / 255))


# -- nearly all is erased ------------------------------------------------------------------------------------------


class Typed(Dataset):
    """Rows of which most is hidden at random, or the same is hidden of each for good."""

    def __init__(self, rows: torch.Tensor, targets: torch.Tensor, lot: torch.Tensor | None = None):
        self.rows, self.targets, self.lot = rows, targets, lot

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int):
        lot = torch.rand(self.rows.shape[1]) if self.lot is None else self.lot[index]
        return self.rows[index] * (lot < 0.22), self.targets[index]


@patient("ND110", where="Typed")
def nearly_all_is_erased(sick):
    """Where validation shows just as little, without a draw, it is what the model is to work with."""
    generator = torch.Generator().manual_seed(12)
    targets = torch.randint(0, 3, (600,), generator=generator)
    rows = torch.randn(3, 36, generator=generator)[targets] * 1.5 + torch.randn(600, 36, generator=generator)
    train = Typed(rows[:400], targets[:400])
    hidden = Typed(rows[400:], targets[400:], torch.rand(200, 36, generator=generator))
    model = nn.Sequential(nn.Linear(36, 32), nn.ReLU(), nn.Linear(32, 3))
    return TrainingSetup(
        model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 1e-3),
        DataLoader(train, 32, shuffle=True), None if sick else DataLoader(hidden, 100),
    )  # fmt: skip


@sound
def digits_thrown_about_and_smudged():
    """Neighbours and a linear rule cannot tell them any more; a network learns them."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels, targets = torch.tensor(found.images).float() / 16, torch.tensor(found.target)

    class Placed(Dataset):
        def __init__(self):
            self.pixels, self.targets = pixels[:1000], targets[:1000]

        def __len__(self) -> int:
            return len(self.pixels)

        def __getitem__(self, index: int):
            frame, (row, column) = torch.zeros(1, 12, 12), torch.randint(0, 5, (2,)).tolist()
            frame[0, row : row + 8, column : column + 8] = self.pixels[index]
            return frame, self.targets[index]

    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 64), nn.ReLU(), nn.Linear(64, 10))
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 1e-3), DataLoader(Placed(), 50, shuffle=True))
