"""What a training would meet in several processes, found in one; and what DistributedDataParallel really says of it."""

from __future__ import annotations

import os
import time

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    TensorDataset,
)

import nbdebug
from nbdebug import TrainingSetup
from nbdebug.errors import LaunchError, RankFailed
from nbdebug.findings import INFO
from tests import patients
from tests.patients import activations, backward, catalogue, data, first_step, look_alikes  # noqa: F401  they register


@pytest.fixture
def runs_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("NBDEBUG_RUNS", str(tmp_path / "runs"))


def dataset(count=64):
    torch.manual_seed(0)
    x = torch.randn(count, 4)
    return TensorDataset(x, (x[:, 0] > 0).long())


def setup(model=None, loader=None, **options):
    torch.manual_seed(0)
    model = model or nn.Linear(4, 2)
    loader = DataLoader(dataset(), batch_size=8, shuffle=True) if loader is None else loader
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader, **options)


def alarms(given, **options):
    report = nbdebug.preflight(given, **options)
    assert report.proof.changes == ()
    return [(finding.code, str(finding.location)) for finding in report.findings if finding.severity is not INFO]


def codes(given, **options):
    return [code for code, _ in alarms(given, **options)]


# -- samples ------------------------------------------------------------------------------------------------------------


class Buckets(Sampler):
    """Batches of its own, in the order of another sampler."""

    def __init__(self, order):
        self.order = order

    def __iter__(self):
        yield from torch.tensor(list(self.order)).split(8)

    def __len__(self):
        return len(self.order) // 8


class ByRank(Sampler):
    def __len__(self):
        return 32

    def __iter__(self):
        yield from range(dist.get_rank() if dist.is_initialized() else 0, 64, 2)


class Stream(IterableDataset):
    def __init__(self, divides):
        self.divides = divides

    def __iter__(self):
        rank, count = (int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))) if self.divides else (0, 1)
        draw = torch.Generator().manual_seed(0)
        for number in range(64):
            x = torch.randn(4, generator=draw)
            if number % count == rank:
                yield x, int(x[0] > 0)


def batches(sampler):
    return DataLoader(dataset(), batch_sampler=sampler)


def test_a_sampler_that_holds_a_share_is_named():
    given = setup(loader=batches(Buckets(DistributedSampler(range(64), num_replicas=2, rank=0))))
    assert alarms(given) == [("ND803", "train_loader.batch_sampler")]


def test_a_sampler_that_asks_for_its_rank_is_named():
    [(code, place)] = alarms(setup(loader=DataLoader(dataset(), batch_size=8, sampler=ByRank())))
    assert code == "ND803" and place.endswith("train_loader.sampler")


def test_a_stream_that_divides_is_named():
    assert codes(setup(loader=DataLoader(Stream(divides=True), batch_size=8))) == ["ND803"]


@pytest.mark.parametrize("loader", [
    lambda: batches(Buckets(RandomSampler(range(64)))),
    lambda: batches(BatchSampler(DistributedSampler(range(64), num_replicas=2, rank=0), 8, False)),
    lambda: DataLoader(dataset(), batch_size=8, sampler=DistributedSampler(range(64), num_replicas=2, rank=0)),
    lambda: batches(Buckets(DistributedSampler(range(64), num_replicas=1, rank=0))),
    lambda: DataLoader(Stream(divides=False), batch_size=8),
    lambda: [tuple(t[:8] for t in dataset().tensors)],
])  # fmt: skip
def test_loaders_that_do_not_divide_are_not_accused(loader):
    assert codes(setup(loader=loader())) == []


def test_of_one_process_nothing_is_asked():
    given = setup(loader=batches(Buckets(DistributedSampler(range(64), num_replicas=2, rank=0))))
    report = nbdebug.preflight(given, num_processes=1)
    assert report.findings == () and {verdict.state for verdict in report.verdicts} == {"not checked"}


def test_the_process_is_itself_again():
    nbdebug.preflight(setup(loader=DataLoader(Stream(divides=True), batch_size=8)))
    assert "RANK" not in os.environ and not dist.is_initialized()


# -- parameters ---------------------------------------------------------------------------------------------------------


class Spare(nn.Module):
    def __init__(self, frozen=False):
        super().__init__()
        self.head, self.spare = nn.Linear(4, 2), nn.Linear(4, 3).requires_grad_(not frozen)

    def forward(self, x):
        return self.head(x)


class Sometimes(nn.Module):
    """A branch for some batches."""

    def __init__(self, always=False):
        super().__init__()
        self.head, self.branch, self.always, self.calls = nn.Linear(4, 2), nn.Linear(4, 2), always, 0

    def forward(self, x):
        self.calls += 1
        if self.calls % 2:
            return self.head(x) + self.branch(x)
        return self.head(x) + (0 * self.branch(x) if self.always else 0)


def test_a_parameter_that_no_batch_uses():
    [(code, place)] = alarms(setup(Spare()))
    assert code == "ND804" and "spare.weight" in place


def test_a_parameter_that_some_batches_use():
    report = nbdebug.preflight(setup(Sometimes()))
    [finding] = report.findings
    assert finding.code == "ND804" and "1 of 3 batches do not use `branch.weight`" in finding.message


@pytest.mark.parametrize("model", [lambda: Spare(frozen=True), lambda: Sometimes(always=True)])
def test_the_mended_twins_are_silent(model):
    assert codes(setup(model())) == []


def test_it_is_no_trouble_where_the_ranks_look_for_it():
    assert codes(setup(Spare()), find_unused_parameters=True) == []


@pytest.mark.parametrize("model", [Spare, Sometimes])
def test_it_is_what_the_ranks_say(model, runs_dir):
    with pytest.raises(LaunchError, match="no process was started: ND804"):
        nbdebug.launch(setup(model()), num_processes=2)
    with pytest.raises(RankFailed, match="finished reduction"):
        nbdebug.launch(setup(model()), num_processes=2, preflight=False).wait(60)
    assert nbdebug.launch(setup(model()), num_processes=2, find_unused_parameters=True).wait(60).state == "done"
    assert nbdebug.launch(setup(model()), num_processes=1).wait(60).state == "done"


# -- batch norm ---------------------------------------------------------------------------------------------------------


def normed(batch_size, frozen=False):
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    if frozen:
        model[1].eval()
    return setup(model, DataLoader(dataset(), batch_size=batch_size, shuffle=True))


def test_statistics_of_two_samples_are_named():
    [(code, place)] = alarms(normed(2))
    assert code == "ND811" and place.endswith("1")


def test_statistics_of_many_are_not():
    assert codes(normed(16)) == []
    assert codes(normed(2, frozen=True)) == []
    assert codes(normed(2), batch_size=16) == []


def test_a_warning_is_shown_and_kept_and_stops_nothing(runs_dir):
    run = nbdebug.launch(normed(4), num_processes=2).wait(60)
    assert run.state == "done" and [finding.code for finding in run.findings] == ["ND811"]
    assert any("ND811" in note for note in run.notes)
    assert [finding.code for finding in nbdebug.attach(run.id).findings] == ["ND811"]


# -- the rest -----------------------------------------------------------------------------------------------------------


def test_memory_is_estimated():
    given = setup(nn.Sequential(nn.Linear(4, 1000), nn.ReLU(), nn.Linear(1000, 2)))
    memory = nbdebug.preflight(given, num_processes=2).result.memory
    weights = 4 * sum(p.numel() for p in given.model.parameters())
    assert (memory.weights, memory.gradients, memory.optimizer, memory.ranks) == (weights, 2 * weights, 0, 2)
    assert memory.activations >= 8 * 1000 * 4 and memory.free > 0


def test_the_samples_of_an_update_are_told():
    result = nbdebug.preflight(setup(), num_processes=4, accumulate=2).result
    assert result.effective == 64 and "8 times the samples" in str(nbdebug.last_report())


def test_a_training_that_cannot_run_is_not_judged_by_it():
    class Raises(nn.Linear):
        def forward(self, x):
            raise ValueError("no")

    report = nbdebug.preflight(setup(Raises(4, 2)))
    assert report.findings == () and any("raised ValueError" in verdict.reason for verdict in report.verdicts)


class Slow(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.randn(4), 0


def test_fast_dev_run_makes_one_step_of_everything(runs_dir):
    given = setup(val_loader=DataLoader(dataset(16), batch_size=8))
    run = nbdebug.launch(given, num_processes=2, fast_dev_run=True).wait(60)
    assert run.state == "done" and run.step == 1 and run.metrics["val_loss"].notna().sum() == 1


def test_it_takes_no_time():
    given = setup()
    nbdebug.preflight(given)
    began = time.perf_counter()
    nbdebug.preflight(given)
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize("patient", patients.SOUND, ids=lambda p: p.name)
def test_a_sound_training_is_accused_of_nothing_but_what_stops_its_ranks(patient):
    report = nbdebug.preflight(patient.build())
    assert report.proof.changes == ()
    accused = {finding.code for finding in report.findings if finding.severity is not INFO}
    assert accused <= {"ND804"}
