"""Every sample once, whichever rank has it: over epochs, ranks, kinds of data, and interruptions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    Sampler,
    SequentialSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)

from nbdebug.errors import CheckpointError, SetupError
from nbdebug.training.config import Data
from nbdebug.training.trainer.loading import Dealing, Delivered, Place, batches

SAMPLES = 29


class Indices(Dataset[int]):
    """Each sample is its index, beside something random."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> Any:
        return index, random.random() + float(torch.rand(())) + float(np.random.rand())


class Counting(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        worker = get_worker_info()
        step, start = (worker.num_workers, worker.id) if worker else (1, 0)
        yield from range(start, SAMPLES, step)


class OwnRank(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        import os

        yield from range(int(os.environ["RANK"]), 7, 2)


class Backwards(Sampler[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(random.sample(range(SAMPLES), SAMPLES))

    def __len__(self) -> int:
        return SAMPLES


def ranks(loader: Iterable[Any], world_size: int, *, epoch: int = 0, start: Place | None = None, told: Data | None = None, **options: Any) -> list[list[Delivered]]:
    """What each rank is given in an epoch."""
    found = []
    for rank in range(world_size):
        data = batches(loader, Dealing(rank, world_size, 0, **options), told)
        found.append(list(data.epoch(start or Place(epoch=epoch, world_size=world_size))))
        data.close()
    return found


def counted(found: list[list[Delivered]]) -> list[int]:
    """The indices that count, of all ranks together."""
    seen: list[int] = []
    for mine in found:
        for delivered in mine:
            first = delivered.batch[0] if isinstance(delivered.batch, (list, tuple)) else delivered.batch
            seen += first.tolist() if delivered.samples else []
    return seen


LOADERS = {
    "shuffled": lambda workers: DataLoader(Indices(), 4, shuffle=True, num_workers=workers),
    "in order": lambda workers: DataLoader(Indices(), 4, num_workers=workers),
    "tensors": lambda workers: DataLoader(TensorDataset(torch.arange(SAMPLES)), 4, shuffle=True, num_workers=workers),
    "custom sampler": lambda workers: DataLoader(Indices(), 4, sampler=Backwards(), num_workers=workers),
    "their generator": lambda workers: DataLoader(Indices(), 4, shuffle=True, generator=torch.Generator(), num_workers=workers),
    "batch sampler": lambda workers: DataLoader(Indices(), batch_sampler=BatchSampler(Backwards(), 4, False), num_workers=workers),
    "own batch sampler": lambda workers: DataLoader(Indices(), batch_sampler=[[n, n + 1] for n in range(0, SAMPLES - 1, 2)] + [[SAMPLES - 1]], num_workers=workers),
    "distributed sampler": lambda workers: DataLoader(Indices(), 4, sampler=DistributedSampler(Indices(), 2, 0), num_workers=workers),
    "stream": lambda workers: DataLoader(Counting(), 4, num_workers=workers),
    "list of batches": lambda workers: [torch.arange(n, min(n + 4, SAMPLES)) for n in range(0, SAMPLES, 4)],
}


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("name", LOADERS)
def test_no_sample_is_left_out_or_seen_twice(name: str, world_size: int) -> None:
    for train in (True, False):
        found = ranks(LOADERS[name](0), world_size, train=train)
        assert Counter(counted(found)) == Counter(range(SAMPLES))
        if train:
            assert len({len(mine) for mine in found}) == 1


class OneByOne(Dataset[Any]):
    """The same samples, of which nobody knows that they are tensors."""

    def __init__(self, dataset: TensorDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]


@pytest.mark.parametrize("sampler", [None, [5, -1, 3, -29, 7, 7, 0]])
def test_rows_of_tensors_are_what_a_loader_makes_of_samples(sampler: Any) -> None:
    images = torch.randn(SAMPLES, 3, 4, 5).to(memory_format=torch.channels_last)
    data = TensorDataset(images, torch.randn(6, SAMPLES).T, torch.arange(SAMPLES) > 3)
    for start in (Place(epoch=2), Place(epoch=2, batches=1, items=4)):
        rows, samples = (list(batches(DataLoader(one, 4, shuffle=sampler is None, sampler=sampler), Dealing()).epoch(start)) for one in (data, OneByOne(data)))
        assert len(rows) == len(samples) and [one._replace(batch=None) for one in rows] == [one._replace(batch=None) for one in samples]
        for one, other in zip(rows, samples, strict=True):
            assert type(one.batch) is type(other.batch) and all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(one.batch, other.batch, strict=True))


@pytest.mark.parametrize("name", ["shuffled", "batch sampler", "stream", "tensors"])
def test_with_workers_too(name: str) -> None:
    assert Counter(counted(ranks(LOADERS[name](2), 2))) == Counter(range(SAMPLES))


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("name", LOADERS)
def test_gone_on_with_in_the_middle_of_an_epoch(name: str, world_size: int) -> None:
    whole = ranks(LOADERS[name](0), world_size, epoch=1)
    rest = ranks(LOADERS[name](0), world_size, start=whole[0][1].place)
    for mine, later in zip(whole, rest, strict=True):
        assert [str(d.batch) for d in mine[2:]] == [str(d.batch) for d in later]
        assert [d.place for d in mine[2:]] == [d.place for d in later]


def test_gone_on_with_by_another_number_of_ranks() -> None:
    begun = ranks(LOADERS["shuffled"](0), 2)
    rest = ranks(LOADERS["shuffled"](0), 3, start=begun[0][1].place)
    assert Counter(counted([mine[:2] for mine in begun]) + counted(rest)) == Counter(range(SAMPLES))
    with pytest.raises(CheckpointError, match="2 ranks in the middle of an epoch.*num_processes=2"):
        ranks(LOADERS["stream"](0), 3, start=begun[0][1].place)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_drop_last_drops_less_than_one_batch_of_each_rank(world_size: int) -> None:
    found = ranks(DataLoader(Indices(), 4, shuffle=True, drop_last=True), world_size)
    seen = counted(found)
    assert len(seen) == len(set(seen)) == SAMPLES // (4 * world_size) * 4 * world_size
    assert {len(d.batch[0]) for mine in found for d in mine} == {4}


def test_full_blocks_are_dealt_as_distributed_sampler_deals() -> None:
    order = counted(ranks(DataLoader(Indices(), 1, shuffle=True), 1))
    for rank, mine in enumerate(ranks(LOADERS["shuffled"](0), 2)):
        assert [d.batch[0].tolist() for d in mine[:3]] == [order[n * 8 + rank : n * 8 + 8 : 2] for n in range(3)]


def test_epochs_have_other_orders_and_seeds_too() -> None:
    orders = {str(counted(ranks(LOADERS["shuffled"](0), 1, epoch=epoch))) for epoch in (0, 1, 2)}
    assert len(orders) == 3


def test_each_batch_has_random_numbers_of_its_own_whoever_reads_it() -> None:
    one = [str(d.batch) for d in ranks(LOADERS["shuffled"](0), 1)[0]]
    assert one == [str(d.batch) for d in ranks(LOADERS["shuffled"](2), 1)[0]]
    assert one != [str(d.batch) for d in ranks(LOADERS["shuffled"](0), 1, epoch=1)[0]]


@pytest.mark.parametrize("name", LOADERS)
def test_reading_leaves_the_training_s_random_numbers_alone(name: str) -> None:
    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].tolist()
    ranks(LOADERS[name](0), 1)
    assert random.getstate() == before[0] and torch.equal(torch.get_rng_state(), before[1]) and np.random.get_state()[1].tolist() == before[2]


def test_a_weighted_sampler_draws_alike_on_all_ranks() -> None:
    weights = torch.arange(SAMPLES, dtype=torch.float64)
    loader = DataLoader(Indices(), 4, sampler=WeightedRandomSampler(weights, SAMPLES))
    assert Counter(counted(ranks(loader, 2))) == Counter(counted(ranks(loader, 1))) and 0 not in counted(ranks(loader, 2))


@pytest.mark.parametrize("world_size, accumulate", [(1, 1), (1, 3), (2, 1), (2, 3), (3, 4)])
def test_weights_make_the_mean_over_all_samples_of_an_update(world_size: int, accumulate: int) -> None:
    found = ranks(LOADERS["shuffled"](0), world_size, accumulate=accumulate)
    updates: list[list[tuple[float, list[int]]]] = [[]]
    for step in zip(*found, strict=True):
        updates[-1] += [(d.weight / world_size, d.batch[0].tolist() if d.samples else []) for d in step]
        if step[0].ends:
            updates.append([])
    assert not updates.pop()
    for update in updates:
        each = [weight / len(samples) for weight, samples in update for _ in samples]
        assert max(each) - min(each) < 1e-12 and sum(each) == pytest.approx(1.0)


def test_no_rank_is_left_with_a_single_sample() -> None:
    found = ranks(DataLoader(TensorDataset(torch.arange(17)), 4), 3)
    assert [[len(d.batch[0]) for d in mine] for mine in found] == [[4, 3], [4, 2], [4, 2]]
    assert [mine[-1].samples for mine in found] == [3, 2, 0]


def test_a_dataset_that_shares_by_itself_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        data = batches(DataLoader(OwnRank(), 2), Dealing(rank, 2, all_have=lambda mine: mine))
        assert "shares by itself" in data.how
        seen += [n for d in data.epoch(Place(world_size=2)) for n in d.batch.tolist()]
    assert sorted(seen) == list(range(7))


def test_what_is_said_of_data_is_done() -> None:
    told = Data(batch_size=5, shuffle=False, drop_last=True, num_workers=0)
    (found,) = ranks(DataLoader(Indices(), 4, shuffle=True), 1, told=told)
    assert [d.batch[0].tolist() for d in found] == [list(range(n, n + 5)) for n in range(0, 25, 5)]


@pytest.mark.parametrize("loader", [iter([torch.ones(2)]), (n for n in range(3))])
def test_what_can_be_read_only_once_is_refused(loader: Any) -> None:
    with pytest.raises(SetupError, match="can be read only once"):
        batches(loader, Dealing())


def test_what_makes_its_batches_itself_cannot_be_told_another_size() -> None:
    with pytest.raises(SetupError, match="data.batch_size cannot be changed there"):
        batches([torch.ones(2)], Dealing(), Data(batch_size=3))


def test_without_batches_of_the_loader_items_are_dealt() -> None:
    loader = DataLoader(Indices(), batch_size=None, sampler=SequentialSampler(Indices()))
    assert [[d.batch[0] for d in mine] for mine in ranks(loader, 2)] == [list(range(0, 29, 2)), [*range(1, 29, 2), 28]]


def test_worker_info_shows_the_user_s_own_dataset() -> None:
    class Named(Indices):
        handle = None

        def __getitem__(self, index: int) -> Any:
            assert self.handle == "open"
            return index, type(get_worker_info().dataset).__name__

    def opened(worker: int) -> None:
        get_worker_info().dataset.handle = "open"

    (found,) = ranks(DataLoader(Named(), 8, num_workers=1, worker_init_fn=opened), 1)
    assert found[0].batch[1][0] == "Named"


def test_a_loop_of_the_user_s_own_goes_through_epochs_and_keeps_its_place() -> None:
    data = batches(LOADERS["shuffled"](0), Dealing())
    first, second = [str(b) for b in data], [str(b) for b in data]
    assert first != second and len(first) == len(data) == 8
    kept = batches(LOADERS["shuffled"](0), Dealing())
    for n, _ in enumerate(kept):
        if n == 3:
            break
    again = batches(LOADERS["shuffled"](0), Dealing())
    again.load_state_dict(kept.state_dict())
    assert [str(b) for b in again] == first[4:]
