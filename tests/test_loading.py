"""Reading a loader: the order it would give, with indices, and nothing of it moved."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, WeightedRandomSampler

from nbdebug import SetupError, StepError
from nbdebug.loading import first_batch, read, rewinds
from tests.patients.look_alikes import Stream
from tests.patients.parts import features, loader


def test_it_reads_the_very_batches_the_loader_would_give():
    inputs, targets = features()
    given = loader(inputs, targets)
    torch.manual_seed(7)
    expected = [batch[0] for batch in given]
    torch.manual_seed(7)
    for delivered, wanted in zip(read(given), expected, strict=True):
        assert torch.equal(delivered.batch[0], wanted)
        assert torch.equal(inputs[list(delivered.indices)], wanted)


def test_a_samplers_own_generator_is_followed():
    weights = torch.ones(256)
    sampler = WeightedRandomSampler(weights, 64, generator=torch.Generator().manual_seed(3))
    given = DataLoader(torch.utils.data.TensorDataset(*features()), batch_size=16, sampler=sampler)
    assert sum(len(delivered.indices) for delivered in read(given)) == 64


def test_persistent_workers_are_not_disturbed():
    given = DataLoader(torch.utils.data.TensorDataset(*features()), batch_size=64, num_workers=1, persistent_workers=True)
    running = iter(given)
    next(running)
    first_batch(given)
    assert given._iterator is running
    assert len(list(running)) == 3


def test_what_can_be_read_once_is_refused():
    with pytest.raises(SetupError, match="read only once"):
        first_batch(batch for batch in [features()])


def test_an_empty_loader_says_so():
    with pytest.raises(SetupError, match="train_loader is empty"):
        first_batch([])
    with pytest.raises(SetupError, match="val_loader is empty"):
        first_batch(loader(torch.zeros(3, 2), batch_size=4, shuffle=False).__class__(
            torch.utils.data.TensorDataset(torch.zeros(3, 2)), batch_size=4, drop_last=True), "val_loader")


def test_a_dataset_that_raises_is_named_with_its_sample():
    class Breaks(torch.utils.data.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            if index == 5:
                raise OSError("truncated file")
            return torch.zeros(2)

    with pytest.raises(StepError, match="index 5.*OSError: truncated file"):
        list(read(DataLoader(Breaks(), batch_size=4)))


def test_an_iterable_dataset_does_not_rewind():
    assert not rewinds(DataLoader(Stream(), batch_size=4))
    assert rewinds(loader(*features()))
