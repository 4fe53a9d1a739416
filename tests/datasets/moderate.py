"""Faults that show between two splits, or in how samples are read, and what only looks so."""

from __future__ import annotations

from functools import partial

import numpy
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tests.datasets import dataset, sound


def ints(rows: list[list[int]], labels: list[int]) -> TensorDataset:
    return TensorDataset(torch.tensor(rows), torch.tensor(labels))


@dataset("ND106", where="val inputs")
def words_that_val_does_not_know(sick):
    drawn = numpy.random.default_rng(0)
    rows = drawn.integers(2, 60, (400, 12))
    val = rows[320:].copy()
    if sick:
        val[drawn.random(val.shape) < 0.6] = 1
    labels = rows[:, 0] % 3
    return {"data": DataLoader(ints(rows[:320], labels[:320]), 32, shuffle=True), "val": DataLoader(ints(val, labels[320:]), 32)}


@sound
def digits_read_row_by_row():
    """Grey levels of few values: six in a row are the same in many a picture."""
    images, labels = load_digits(return_X_y=True)
    order = numpy.random.default_rng(0).permutation(len(labels))
    rows, labels = torch.tensor(images[order] / 8 - 1, dtype=torch.float32).view(-1, 8, 8), torch.tensor(labels[order])
    made = [TensorDataset(rows[part], labels[part]) for part in (slice(0, 1400), slice(1400, None))]
    return {"data": DataLoader(made[0], 32, shuffle=True), "val": DataLoader(made[1], 32)}


@dataset("ND115", where="mean of a sample")
def pictures_sorted_by_brightness_and_cut(sick):
    images, labels = load_digits(return_X_y=True)
    order = numpy.argsort(-images.mean(1)) if sick else numpy.random.default_rng(0).permutation(len(labels))
    pixels, labels = torch.tensor(images[order] / 16, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(labels[order])
    made = [TensorDataset(pixels[part], labels[part]) for part in (slice(0, 1440), slice(1440, None))]
    return {"data": DataLoader(made[0], 32, shuffle=True), "val": DataLoader(made[1], 32)}


class Turned(Dataset):
    """Rows that are rolled by a random step in training."""

    def __init__(self, count, generator):
        self.rows, self.generator = torch.randn(count, 16), generator

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        if self.generator is not None:
            row = row.roll(int(self.generator(index).integers(1, 15)))
        return row, index % 3


def read(generator):
    return {"data": DataLoader(Turned(64, generator), 16, shuffle=True), "val": DataLoader(Turned(32, None), 16)}


by_loader = partial(dataset, by="loader_audit")


@by_loader("ND109", where="Turned")
def augmentation_that_is_frozen_by_the_sample(sick):
    return read(lambda index: numpy.random.default_rng(7 + index if sick else torch.randint(2**31, ()).item()))


class Drawing:
    """What numpy's generator would give, from torch's, made anew for each sample."""

    def __init__(self, seed):
        self.made = torch.Generator()
        self.made = self.made.manual_seed(torch.randint(2**31, ()).item() if seed is None else seed)

    def integers(self, low, high):
        return torch.randint(low, high, (), generator=self.made)


@by_loader("ND109", where="Turned")
def a_generator_of_torch_made_anew_for_each_sample(sick):
    return read(lambda index: Drawing(3 if sick else None))
