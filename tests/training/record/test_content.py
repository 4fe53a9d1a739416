"""A few samples as digests: the same for the same data, without a trace."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from nbdebug.training.record.content import content, looked_at, same_content
from tests.training.record import made


class Drawn(Dataset):
    """Augments every sample as it is read."""

    def __init__(self, own=False):
        self.generator = torch.Generator() if own else None

    def __len__(self):
        return 20

    def __getitem__(self, place):
        return {"x": torch.randn(3, generator=self.generator) + place, "name": f"{place}", "bins": np.arange(2)}, random.random()


class Opens(Dataset):
    """Opens its file when it is first read."""

    file = None

    def __len__(self):
        return 4

    def __getitem__(self, place):
        self.file = self.file or object()
        return place


class Stream(IterableDataset):
    def __iter__(self):
        raise AssertionError("a stream is not read for this")


class Broken(Drawn):
    def __getitem__(self, place):
        raise OSError("gone")


def test_the_same_data_has_the_same_digests_whatever_loads_it():
    told = content(DataLoader(made.data(), batch_size=16, shuffle=True))
    assert told["samples"] == 256 and told["kind"] == "TensorDataset" and len(told["content"]) == 4
    assert told == content(DataLoader(made.data(), batch_size=7, num_workers=2)) == content(made.data())


def test_other_targets_are_other_data():
    assert not same_content(content(made.data()), content(made.data(flipped=True)))
    assert not same_content(content(made.data()), content(made.data(samples=128)))


def test_who_looked_at_fewer_samples_says_nothing_against_who_looked_at_more():
    told = content(made.data())
    assert same_content({**told, "content": told["content"][:2]}, told)
    assert same_content({"kind": "TensorDataset", "samples": 256}, told)
    assert looked_at(1000, 64) == looked_at(1000, 64) and len(set(looked_at(10, 64))) == 10


def test_augmentation_is_drawn_alike_and_the_users_random_numbers_stand_still():
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    first = content(Drawn())
    assert first["content"] and first == content(Drawn())
    assert random.getstate() == states[0] and np.random.get_state()[1].tolist() == states[1] and torch.get_rng_state().equal(states[2])


def test_what_cannot_be_read_twice_alike_has_no_digests():
    for data in (Drawn(own=True), DataLoader(Stream()), iter([1, 2]), Broken(), [], {"train": 1}):
        assert content(data)["content"] == []


def test_a_file_that_is_opened_at_the_first_sample_stays_closed():
    dataset = Opens()
    assert content(dataset)["content"]
    assert dataset.file is None


def test_bfloat16_empty_and_sparse_samples_are_read():
    x = torch.randn(5, 2).to(torch.bfloat16)
    assert content(TensorDataset(x, torch.zeros(5, 0)))["content"]
    assert content([torch.eye(3).to_sparse()])["content"] == content([torch.eye(3).to_sparse()])["content"] != []
