"""Caches around what is drawn: the first draw comes back in every epoch. And caches that are sound."""

from __future__ import annotations

import functools

import numpy
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

import nbdebug
from nbdebug.findings import INFO


class Tapes(Dataset):
    """Random windows of recordings."""

    def __init__(self):
        draw = numpy.random.default_rng(0)
        self.tapes = [draw.normal(size=200).astype("float32") for _ in range(40)]
        self.kept: dict = {}
        self.slots: list = [None] * 40

    def __len__(self):
        return 40

    def cut(self, i):
        start = numpy.random.randint(0, 150)
        return self.tapes[i][start : start + 50].copy()

    def __getitem__(self, i):
        return torch.from_numpy(self.cut(i)), i % 2


class Functools(Tapes):
    @functools.cache  # noqa: B019
    def window(self, i):
        return self.cut(i)

    def __getitem__(self, i):
        return torch.from_numpy(self.window(i)), i % 2


class InADict(Tapes):
    def __getitem__(self, i):
        if i not in self.kept:
            self.kept[i] = self.cut(i)
        return torch.from_numpy(self.kept[i]), i % 2


class InADictByTwo(Tapes):
    def __getitem__(self, i):
        return torch.from_numpy(self.kept.setdefault(("train", i), self.cut(i))), i % 2


class InAList(Tapes):
    def __getitem__(self, i):
        if self.slots[i] is None:
            self.slots[i] = self.cut(i)
        return torch.from_numpy(self.slots[i]), i % 2


class ReadOnce(Tapes):
    """What is remembered is what lies on disk; the window is drawn after it."""

    @functools.cache  # noqa: B019
    def tape(self, i):
        return self.tapes[i] / 2

    def __getitem__(self, i):
        start = numpy.random.randint(0, 150)
        return torch.from_numpy(self.tape(i)[start : start + 50].copy()), i % 2


class ReadOnceIntoADict(Tapes):
    def __getitem__(self, i):
        if i not in self.kept:
            self.kept[i] = self.tapes[i] / 2
        return torch.from_numpy(self.kept[i] + 0.1 * numpy.random.normal(size=200).astype("float32")), i % 2


class NothingDrawn(Tapes):
    @functools.cache  # noqa: B019
    def window(self, i):
        return self.tapes[i][:50]

    def __getitem__(self, i):
        return torch.from_numpy(self.window(i)), i % 2


class MadeUp(Dataset):
    """Samples that are made, each once: it is the data set itself that is drawn."""

    def __len__(self):
        return 40

    @functools.cache  # noqa: B019
    def made(self, i):
        return numpy.random.normal(size=50).astype("float32") + i % 2

    def __getitem__(self, i):
        return torch.from_numpy(self.made(i)), i % 2


def alarms(dataset):
    report = nbdebug.loader_audit(DataLoader(dataset, 4, shuffle=True), speed=False)
    return [one for one in report.findings if one.code == "ND109" and one.severity is not INFO]


@pytest.mark.parametrize("kind", [Functools, InADict, InADictByTwo, InAList])
def test_a_cache_of_what_is_drawn_is_told(kind):
    torch.manual_seed(0)
    found = alarms(kind())
    assert len(found) == 1
    assert "remembers what was drawn" in found[0].message


@pytest.mark.parametrize("kind", [Tapes, ReadOnce, ReadOnceIntoADict, NothingDrawn, MadeUp])
def test_a_cache_of_what_is_read_is_sound(kind):
    torch.manual_seed(0)
    assert alarms(kind()) == []


def test_the_users_cache_is_as_full_as_it_was():
    data = Functools()
    Functools.window.cache_clear()
    first = data[3][0]
    alarms(data)
    assert isinstance(Functools.window, functools._lru_cache_wrapper)
    assert torch.equal(data[3][0], first)


class Endless(IterableDataset):
    """Made-up samples; `how` says where a pass gets its numbers from."""

    def __init__(self, how):
        self.how, self.seed, self.rng = how, 3, numpy.random.default_rng(3)

    def __iter__(self):
        draw = self.rng if self.how == "goes on" else numpy.random.default_rng(self.seed)
        if self.how == "both":
            self.rng.random()
        for _ in range(32):
            yield torch.from_numpy(draw.normal(size=10).astype("float32")), 0


class FromASeed(Endless):
    """A data set that needs no memory: there is nothing that could have gone on."""

    def __init__(self):
        self.how, self.seed = "anew", 3


def of_stream(dataset):
    report = nbdebug.loader_audit(DataLoader(dataset, 4), speed=False)
    return [one for one in report.findings if one.code == "ND109" and one.severity is not INFO]


def test_a_stream_that_begins_anew_beside_an_idle_generator_is_told():
    data = Endless("anew")
    before = repr(data.rng.bit_generator.state)
    found = of_stream(data)
    assert len(found) == 1
    assert "self.rng" in found[0].message
    assert repr(data.rng.bit_generator.state) == before


@pytest.mark.parametrize("data", [Endless("goes on"), Endless("both"), FromASeed()], ids=["goes on", "drawn from as well", "a seed alone"])
def test_a_stream_that_goes_on_or_is_a_data_set_is_sound(data):
    assert of_stream(data) == []
