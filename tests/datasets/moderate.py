"""Faults that show between two splits, or in how samples are read, and what only looks so."""

from __future__ import annotations

from functools import partial

import numpy
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tests.datasets import dataset, sound
from tests.datasets.attacked import arrays, parted
from tests.datasets.classes import digits


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


# -- ND105: groups that are named, and copies that were made before the split ------------------------------------------------


class OfPatients(Dataset):
    """Scans of people, each of whom looks like himself, beside a list that says whose they are."""

    def __init__(self, alike, kept, labels=None):
        random = numpy.random.default_rng(0)
        self.patients = random.integers(0, 30, 360)
        self.scans = (alike * random.normal(size=(30, 1, 8, 8))[self.patients] + 0.3 * random.normal(size=(360, 1, 8, 8))).astype("float32")
        self.labels = (self.patients % 2 if labels is None else labels).tolist()
        self.rows = numpy.flatnonzero(kept(self.patients))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return torch.from_numpy(self.scans[self.rows[i]]), self.labels[self.rows[i]]


def of_patients(first, second, alike=1.0):
    return {"data": OfPatients(alike, first), "val": OfPatients(alike, second)}


@dataset("ND105", where="val")
def scans_of_one_patient_on_both_sides(sick):
    at_random = numpy.random.default_rng(1).random(360) < 0.8
    chosen = [lambda people: at_random, lambda people: ~at_random] if sick else [lambda people: people < 24, lambda people: people >= 24]
    return of_patients(*chosen)


@sound
def patients_of_whom_scans_tell_nothing():
    at_random = numpy.random.default_rng(1).random(360) < 0.8
    return of_patients(lambda people: at_random, lambda people: ~at_random, alike=0.0)


@dataset("ND105", where="val")
def noisy_copies_made_before_the_split(sick):
    pixels, labels, held, theirs = digits(500)
    pixels, held = (torch.cat([part, part + 0.03 * torch.randn(part.shape)]) for part in (pixels, held[:100]))
    whole, classes = torch.cat([pixels, held]), torch.cat([labels, labels, theirs[:100], theirs[:100]])
    order = torch.randperm(1200) if sick else torch.arange(1200)
    return parted((whole[order[:1000]], classes[order[:1000]]), (whole[order[1000:]], classes[order[1000:]]))


@dataset("ND105", where="val")
def mirrored_copies_made_before_the_split(sick):
    pixels, labels, held, theirs = digits(500)
    pixels, held = (torch.cat([part, part.flip(3)]) for part in (pixels, held[:100]))
    whole, classes = torch.cat([pixels, held]), torch.cat([labels, labels, theirs[:100], theirs[:100]])
    order = torch.randperm(1200) if sick else torch.arange(1200)
    return parted((whole[order[:1000]], classes[order[:1000]]), (whole[order[1000:]], classes[order[1000:]]))


@sound
def bars_whose_mirror_images_are_other_bars():
    places = numpy.random.default_rng(2).integers(0, 12, (2, 400))
    bars = numpy.zeros((400, 1, 12, 12), "float32")
    bars[numpy.arange(400), 0, :, places[0]] = 1.0
    bars[numpy.arange(400), 0, places[1]] += 0.5
    return {"data": DataLoader(arrays(bars[:300], places[0][:300]), 32, shuffle=True)}


# -- ND104: masks of other pictures -----------------------------------------------------------------------------------------


@dataset("ND104", where="as text")
def masks_in_the_order_of_their_names(sick):
    """`sorted(names)` puts 10_mask.png before 1_mask.png; the pictures stand in the order of their numbers."""
    random = numpy.random.default_rng(0)
    masks = numpy.zeros((150, 1, 20, 20), "float32")
    for mask, (row, column) in zip(masks, random.integers(1, 12, (150, 2)), strict=True):
        mask[0, row : row + 7, column : column + 7] = 1
    pictures = masks + 0.4 * random.normal(size=masks.shape).astype("float32")
    order = sorted(range(150), key=lambda i: f"{i}_mask.png") if sick else range(150)
    whole = TensorDataset(torch.from_numpy(pictures), torch.from_numpy(masks[list(order)]))
    return {"data": DataLoader(whole, 16, shuffle=True)}
