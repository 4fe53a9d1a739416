"""What becomes of samples between the rows a dataset holds and the batch: casts, lots, collate functions, mirrors, splits; and what only looks wrong."""

from __future__ import annotations

from functools import partial

import numpy
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from tests.datasets import dataset, sound

by_loader = partial(dataset, by="loader_audit")
sound_loader = partial(sound, by="loader_audit")


class Made(Dataset):
    """Whole samples in a list, and what is made of each."""

    def __init__(self, samples, make):
        self.samples, self.make = samples, make

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.make(index, *self.samples[index])


def read(train, val=None, **options):
    given = {"data": DataLoader(train, 16, shuffle=True, **options), "speed": False}
    return given if val is None else {**given, "val": DataLoader(val, 16)}


def rows(count=48, columns=12):
    return TensorDataset(torch.randn(count, columns), torch.arange(count) % 3)


def shaken(generator):
    def collate(samples):
        inputs, targets = default_collate(samples)
        drawn = generator() if generator is not None else None
        return inputs + 0.1 * torch.randn(inputs.shape, generator=drawn), targets

    return collate


@by_loader("ND109", where="manual_seed(7)")
def a_collate_function_that_makes_its_generator_for_every_batch(sick):
    known = torch.Generator().manual_seed(7)
    made = (lambda: torch.Generator().manual_seed(7)) if sick else lambda: known
    return read(rows(), rows(16), collate_fn=shaken(made))


@by_loader("ND109", where="delivered.py")
def noise_by_a_list_of_seed_and_index(sick):
    def noisy(index, row, label):
        drawn = numpy.random.default_rng([5, index] if sick else None)
        return row + 0.1 * torch.from_numpy(drawn.normal(size=row.shape)).float(), label

    samples = [(torch.randn(12), n % 3) for n in range(32)]
    return read(Made(samples, noisy), Made(samples[:16], lambda _, row, label: (row, label)))


@sound_loader
def samples_that_are_drawn_from_their_index():
    """A made data set: the index is all there is of a sample."""

    def drawn(index, first):
        return torch.from_numpy(numpy.random.default_rng([first, index]).normal(size=12)).float(), index % 3

    return read(Made([(0,)] * 32, drawn), Made([(1,)] * 16, drawn))


@by_loader("ND111", where="delivered.py")
def two_exposures_of_bytes_in_a_tuple(sick):
    def mean(_, exposures, label):
        short, long = exposures if sick else (one.astype(numpy.int16) for one in exposures)
        return torch.from_numpy(((short + long) // 2).astype(numpy.float32) / 255), label

    drawn = numpy.random.default_rng(0)
    return read(Made([((drawn.integers(90, 200, (6, 6), numpy.uint8), drawn.integers(90, 200, (6, 6), numpy.uint8)), n % 3) for n in range(24)], mean))


@sound_loader
def steps_of_counters_that_roll_over():
    """Differences of bytes, read with their sign: right whatever wrapped."""

    def steps(_, ticks, label):
        moved = (ticks[1:] - ticks[:-1]).view(numpy.int8)
        again = (torch.from_numpy(ticks[1:]) - torch.from_numpy(ticks[:-1])).to(torch.int8)
        return torch.from_numpy(moved.astype(numpy.float32)) + again, label

    return read(Made([(numpy.random.default_rng(n).integers(-20, 20, 30).cumsum().astype(numpy.uint8), n % 3) for n in range(24)], steps))


@by_loader("ND110", where="delivered.py")
def fractions_cast_to_bytes(sick):
    def bytes_of(_, image, label):
        return torch.from_numpy(image.astype(numpy.uint8 if sick else numpy.float32)).float(), label

    drawn = numpy.random.default_rng(0)
    return read(Made([(drawn.random((6, 6)) * drawn.integers(0, 2, (6, 6)), n % 3) for n in range(24)], bytes_of))


@sound_loader
def pictures_in_black_and_white():
    """Compared first, and then cast."""

    def black_or_white(_, image, label):
        return torch.from_numpy((image > 0.5).astype(numpy.uint8)).float(), label

    return read(Made([(numpy.random.default_rng(n).random((6, 6)), n % 3) for n in range(24)], black_or_white))


class Dropped:
    """Some words become the unknown one."""

    def __init__(self, share):
        self.share = share

    def __call__(self, words):
        return torch.where(torch.rand(words.shape) < self.share, 1, words)


class Words(Dataset):
    def __init__(self, transform, whole=False):
        self.words, self.transform, self.whole = torch.randint(2, 90, (48, 24)), transform, whole

    def __len__(self):
        return len(self.words)

    def __getitem__(self, index):
        return self.transform(self.words[index]), self.words[index] if self.whole else index % 3


@by_loader("ND110", where="Words.transform")
def words_kept_where_they_should_be_dropped(sick):
    return read(Words(Dropped(0.9 if sick else 0.1)))


@sound_loader
def most_words_are_to_be_found_out():
    """Nine in ten are masked, and all of them are the target."""
    return read(Words(Dropped(0.9), whole=True))


def rings(count=160):
    """Points on one circle, or on two, (2, count, 40)."""
    angle, label = torch.rand(count, 40) * 6.28, torch.arange(count) % 2
    radius = torch.where((torch.rand(count, 40) < 0.5) & (label[:, None] > 0), 0.4, 1.0)
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], 2) * (0.5 + torch.rand(count, 1, 1))
    return [(cloud, int(kind)) for cloud, kind in zip(points, label, strict=True)]


@dataset("ND110", where="data inputs")
def points_that_were_each_put_on_the_circle(sick):
    def scaled(_, cloud, label):
        length = cloud.norm(dim=1, keepdim=True)
        return cloud / (length if sick else length.max()), label

    return {"data": DataLoader(Made(rings(), scaled), 16, shuffle=True)}


@sound
def pixels_in_another_order():
    """One order for all samples, as in permuted digits: it is hard to read, and nothing is lost."""
    order, drawn = torch.randperm(36), torch.Generator().manual_seed(0)
    samples = [(torch.randn(36, generator=drawn) + 3 * torch.eye(36)[n % 3], n % 3) for n in range(160)]
    return {"data": DataLoader(Made(samples, lambda _, row, label: (row[order], label)), 16, shuffle=True)}


def dots(count, side, turning):
    """A dot, and how far right of the middle it is; the side it is on as a class where `turning` says so."""
    place = torch.rand(count, 2) * 2 - 1
    axis = torch.linspace(-1, 1, side)
    away = (axis[None, :, None] - place[:, 1, None, None]) ** 2 + (axis[None, None] - place[:, 0, None, None]) ** 2
    images = torch.exp(-away / 0.1)[:, None] + 0.05 * torch.randn(count, 1, side, side)
    return list(zip(images, place[:, 0] if turning else place[:, 1], strict=True))


def mirrored(_, image, place, turned=False):
    if torch.rand(()) < 0.5:
        image, place = image.flip(-1), -place if turned else place
    return image, place


@dataset("ND110", where="data inputs")
def a_place_that_is_not_mirrored_with_its_picture(sick):
    train, val = Made(dots(96, 12, True), partial(mirrored, turned=not sick)), Made(dots(80, 12, True), lambda _, image, place: (image, place))
    return {"data": DataLoader(train, 16, shuffle=True), "val": DataLoader(val, 16)}


@sound
def a_height_that_the_mirror_leaves_alone():
    train, val = Made(dots(96, 12, False), mirrored), Made(dots(80, 12, False), lambda _, image, place: (image, place))
    return {"data": DataLoader(train, 16, shuffle=True), "val": DataLoader(val, 16)}


def halves(inputs, targets, cut):
    made = [TensorDataset(inputs[part], targets[part]) for part in (slice(0, cut), slice(cut, None))]
    return {"data": DataLoader(made[0], 32, shuffle=True), "val": DataLoader(made[1], 32)}


@dataset("ND115", where="column 2")
def a_table_sorted_by_a_column_and_cut(sick):
    inputs = torch.randn(400, 5)
    targets = (inputs[:, 0] > 0).long()
    order = inputs[:, 2].argsort() if sick else torch.arange(400)
    return halves(inputs[order], targets[order], 300)


@sound
def a_table_in_the_order_of_its_time():
    """The time is a column of it, and the others change with it."""
    time = torch.rand(400, 1).cumsum(0)
    inputs = torch.cat([torch.randn(400, 5) + time / time.max(), time / time.std()], 1)
    return halves(inputs, (torch.randn(400) > 0).long(), 300)


@dataset("ND115", where="part 8 of 8")
def spectra_of_another_microphone(sick):
    inputs, targets = torch.randn(240, 1, 64), torch.arange(240) % 3
    for kind in range(3):
        inputs[targets == kind, :, 16 * kind + 8 : 16 * kind + 14] += 3
    if sick:
        inputs[180:] += 1.2 * torch.linspace(-1, 1, 64)
    return halves(inputs, targets, 180)


@dataset("ND115", where="val inputs")
def many_columns_a_little_off(sick):
    inputs = torch.randn(500, 14)
    targets = (inputs[:, 0] > 0).long()
    if sick:
        inputs[380:, 1:] += 0.75
    return halves(inputs, targets, 380)


@sound
def other_people_in_validation():
    """Each person has an offset of its own; whole persons are held out."""
    person = torch.arange(480) // 40
    inputs = torch.randn(480, 14) + 1.2 * torch.randn(12, 14)[person]
    return halves(inputs, (torch.randn(480) > 0).long(), 360)
