"""Arrays that were spoilt, or sorted, long before a loader was made of them, and what only looks so."""

from __future__ import annotations

import random
from functools import partial

import numpy
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tests.datasets import dataset, sound


def film(count: int = 160) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Two grey frames of 8 bits of something that moves, and how far."""
    drawn = numpy.random.default_rng(0)
    still = drawn.integers(60, 150, (16, 16)).astype(float)
    frames, moved = numpy.empty((2, count, 16, 16), numpy.uint8), drawn.integers(0, 4, count)
    for one in range(count):
        top, left = drawn.integers(0, 8, 2)
        for time in (0, 1):
            picture = still + drawn.normal(0, 2, still.shape)
            picture[top : top + 5, left + time * moved[one] : left + time * moved[one] + 4] = 210
            frames[time, one] = picture.clip(0, 255)
    return frames[0], frames[1], moved


def loader_of(inputs: numpy.ndarray, targets: numpy.ndarray) -> DataLoader:
    return DataLoader(TensorDataset(torch.tensor(inputs, dtype=torch.float32), torch.tensor(targets)), 32, shuffle=True)


@dataset("ND111", where="data inputs")
def frames_subtracted_in_bytes(sick):
    before, after, moved = film()
    apart = after - before if sick else after.astype(int) - before
    pixels = apart[:, None].astype(numpy.float32)
    return {"data": loader_of((pixels - pixels.mean()) / pixels.std(), moved)}


@dataset("ND111", where="data inputs")
def voices_mixed_in_sixteen_bits(sick):
    drawn, time = numpy.random.default_rng(0), numpy.arange(300) / 300
    pitch = drawn.integers(0, 3, 120)
    voice = (24000 * numpy.sin(6.28 * time * (4 + 4 * pitch[:, None]) + drawn.uniform(0, 6, (120, 1)))).astype(numpy.int16)
    room = (900 * drawn.normal(size=(120, 300)).cumsum(1)).astype(numpy.int16)
    mixed = voice + room if sick else (voice.astype(int) + room).clip(-32768, 32767)
    return {"data": loader_of(mixed[:, None] / 32768, pitch)}


def lit(sick: bool) -> numpy.ndarray:
    """Bright spots in pictures of 8 bits, made brighter."""
    drawn, place = numpy.random.default_rng(0), numpy.mgrid[0:20, 0:20]
    middle, wide = drawn.uniform(6, 14, (2, 160, 1, 1)), drawn.uniform(3, 6, (160, 1, 1))
    spots = 40 + 150 * numpy.exp(-((place[0] - middle[0]) ** 2 + (place[1] - middle[1]) ** 2) / wide**2) + drawn.normal(0, 4, (160, 20, 20))
    pixels = spots.clip(0, 255).astype(numpy.uint8)
    return pixels + numpy.uint8(100) if sick else (pixels.astype(int) + 100).clip(0, 255)


@dataset("ND111", where="data inputs")
def pictures_lit_in_bytes(sick):
    pixels = lit(sick)
    return {"data": loader_of(pixels[:, None] / 255, numpy.arange(160) % 2)}


@sound
def ink_on_paper():
    """Two levels of grey with the noise of a scanner: cut open between them, their circle is smooth."""
    drawn = numpy.random.default_rng(0)
    ink = drawn.random((160, 5, 5)).repeat(4, 1).repeat(4, 2) < 0.5
    pages = numpy.where(ink, drawn.normal(4, 3, ink.shape), drawn.normal(251, 3, ink.shape)).clip(0, 255).astype(numpy.uint8)
    return {"data": loader_of(pages[:, None] / 255, drawn.integers(0, 2, 160))}


@sound
def ink_whose_noise_ends_at_black_and_white():
    drawn = numpy.random.default_rng(0)
    ink = drawn.random((160, 5, 5)).repeat(4, 1).repeat(4, 2) < 0.5
    noise = abs(drawn.normal(0, 3, ink.shape)).round()
    return {"data": loader_of(numpy.where(ink, noise, 255 - noise)[:, None] / 255, drawn.integers(0, 2, 160))}


@sound
def loud_recordings_that_were_clipped():
    drawn, time = numpy.random.default_rng(0), numpy.arange(300) / 300
    pitch = drawn.integers(0, 3, 120)
    voice = 40000 * numpy.sin(6.28 * time * (4 + 4 * pitch[:, None]) + drawn.uniform(0, 6, (120, 1))) + drawn.normal(0, 300, (120, 300))
    return {"data": loader_of(voice.round().clip(-32000, 32000)[:, None] / 32768, pitch)}


def coloured(kinds: int = 4) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(N, H, W, 3) stripes, whose direction is the class."""
    drawn, (down, across) = numpy.random.default_rng(0), numpy.mgrid[0:16, 0:16] / 16
    turned = drawn.integers(0, kinds, 160)
    angle = numpy.pi * (0.3 + turned[:, None, None]) / kinds
    stripes = numpy.sin(12 * (across * numpy.cos(angle) + down * numpy.sin(angle)) + drawn.uniform(0, 6, (160, 1, 1)))
    return stripes[..., None] * drawn.uniform(0.5, 1, (160, 1, 1, 3)) + 0.1 * drawn.normal(size=(160, 16, 16, 3)), turned


@dataset("ND110", where="data inputs")
def a_view_where_axes_were_to_be_exchanged(sick):
    pixels, turned = coloured()
    return {"data": loader_of(pixels.reshape(160, 3, 16, 16) if sick else pixels.transpose(0, 3, 1, 2), turned)}


@sound
def three_pictures_of_noise():
    """As rough in every order of their numbers."""
    drawn = numpy.random.default_rng(0)
    kind = drawn.integers(0, 2, 160)
    return {"data": loader_of(drawn.normal(size=(160, 3, 16, 16)) + 0.3 * kind[:, None, None, None], kind)}


class Words(Dataset):
    """Sentences of 4 to 30 words, as lists of ids."""

    def __init__(self, rows: list[list[int]]):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return torch.tensor(self.rows[index]), self.rows[index][0] % 2


def padded(samples):
    rows, labels = zip(*samples, strict=True)
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), torch.tensor(labels)


def sentences(count: int, shortest: int = 4, longest: int = 30) -> list[list[int]]:
    drawn = random.Random(0)
    return [[drawn.randrange(1, 200) for _ in range(drawn.randint(shortest, longest))] for _ in range(count)]


@dataset("ND115", where="length")
def sentences_sorted_by_length_and_cut(sick):
    rows = sentences(300)
    if sick:
        rows.sort(key=len)
    return {
        "data": DataLoader(Words(rows[:240]), 24, shuffle=True, collate_fn=padded), "val": DataLoader(Words(rows[240:]), 24, collate_fn=padded),
    }  # fmt: skip


@sound
def longer_sentences_to_validate_on():
    """How far it carries to longer ones is what is asked; those of training come in no order."""
    return {
        "data": DataLoader(Words(sentences(240, 4, 16)), 24, shuffle=True, collate_fn=padded),
        "val": DataLoader(Words(sentences(60, 17, 30)), 24, collate_fn=padded),
    }  # fmt: skip


def cropped(picture: numpy.ndarray, size: int = 16) -> numpy.ndarray:
    """A random part of (H, W) or (H, W, 2)."""
    top, left = random.randint(0, picture.shape[0] - size), random.randint(0, picture.shape[1] - size)
    return picture[top : top + size, left : left + size]


class Cropped(Dataset):
    """Discs with their masks, or two views of each."""

    def __init__(self, count: int, how: str):
        drawn, (down, across) = numpy.random.default_rng(0), numpy.mgrid[0:24, 0:24]
        middle = drawn.uniform(8, 16, (2, count, 1, 1))
        self.masks = (down - middle[0]) ** 2 + (across - middle[1]) ** 2 < drawn.uniform(3, 6, (count, 1, 1)) ** 2
        self.images = (self.masks + 0.3 * drawn.normal(size=self.masks.shape)).astype(numpy.float32)
        self.how = how

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, mask = self.images[index], self.masks[index]
        if self.how == "apart":
            image, mask = cropped(image), cropped(mask)
        elif self.how == "views":
            image, mask = cropped(image), cropped(image)
        else:
            image, mask = numpy.moveaxis(cropped(numpy.stack([image, mask], 2)), 2, 0)
        return torch.tensor(image.copy())[None].float(), torch.tensor(mask.copy())[None].float()


@dataset("ND110", where="data, Cropped.__getitem__", by="loader_audit")
def image_and_mask_cropped_each_by_itself(sick):
    return {"data": DataLoader(Cropped(80, "apart" if sick else "together"), 16, shuffle=True)}


@partial(sound, by="loader_audit")
def two_views_of_each_picture():
    """Both crops are to be recognised as one picture, wherever they were taken."""
    return {"data": DataLoader(Cropped(80, "views"), 16, shuffle=True)}
