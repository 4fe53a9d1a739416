"""Labels that go with other inputs, or are wrong: what a whole checkup says of them, model and all."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from tests.patients import patient, sound
from tests.patients.data import BagOfTokens, convolutions
from tests.patients.parts import features, images, loader, mlp, quantities, training


def clusters(samples=800, classes=10):
    """Columns (samples, 64) about one centre a class, and the classes."""
    random = torch.Generator().manual_seed(4)
    targets = torch.randint(0, classes, (samples,), generator=random)
    return torch.randn(classes, 64, generator=random)[targets] + 0.5 * torch.randn(samples, 64, generator=random), targets


@patient("ND104", where="train_loader targets, dataset index 0 to 255, shifted by +1")
def labels_one_row_late(sick):
    inputs, targets = features()
    return training(mlp(), data=(inputs, targets.roll(1) if sick else targets))


@patient("ND104", where="shifted by -1")
def images_whose_first_label_was_lost(sick):
    pixels, targets = images(512)
    return training(convolutions(), data=(pixels[:-1], targets[1:]) if sick else (pixels, targets))


@patient("ND104", where="shifted by +2")
def quantity_two_rows_late(sick):
    inputs, quantity = quantities()
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), (inputs, quantity.roll(2) if sick else quantity))


@patient("ND104", where="train_loader targets")
def train_labels_shuffled_and_val_ones_not(sick):
    inputs, targets = clusters(600)
    mixed = targets[:400][torch.randperm(400)] if sick else targets[:400]
    return training(mlp(), data=(inputs[:400], mixed), val_loader=loader(inputs[400:], targets[400:], shuffle=False))


@patient("ND104", where="val_loader targets")
def val_labels_of_tokens_shuffled(sick):
    random = torch.Generator().manual_seed(5)
    targets = torch.randint(0, 4, (600,), generator=random)
    ids = torch.randint(0, 5, (600, 12), generator=random) + 5 * targets[:, None]
    held = targets[400:][torch.randperm(200)] if sick else targets[400:]
    return training(BagOfTokens(), data=(ids[:400], targets[:400]), val_loader=loader(ids[400:], held, shuffle=False))


@patient("ND120", where="train_loader targets")
def a_third_of_the_labels_wrong(sick):
    inputs, targets = clusters(1200)
    wrong = torch.rand(1200) < (0.4 if sick else 0.02)
    return training(mlp(), data=(inputs, torch.where(wrong, torch.randint(0, 10, (1200,)), targets)))


@sound
def inputs_whose_label_nothing_simple_tells():
    """The parity of four signs."""
    inputs, _ = features(512)
    return training(mlp(), data=(inputs, (inputs[:, :4] > 0).sum(1) % 2), val_loader=loader(inputs[:100] + 0.3, (inputs[:100, :4] > 0).sum(1) % 2))


@sound
def halves_of_one_dataset():
    """Two random subsets of the same dataset, each in its own order."""
    inputs, targets = clusters()
    whole, order = TensorDataset(inputs, targets), torch.randperm(800).tolist()
    parts = [DataLoader(Subset(whole, part), 32) for part in (order[:600], order[600:])]
    return training(mlp(), train_loader=parts[0], val_loader=parts[1])


@sound
def forecast_of_a_coin():
    """Each row holds the last throw, each label the next."""
    throws = torch.randint(0, 2, (513,), generator=torch.Generator().manual_seed(6))
    inputs = torch.cat([throws[:-1, None] * 2.0 - 1, features(512, 15)[0]], 1)
    return training(mlp(16, 2), data=(inputs, throws[1:]))
