"""A capsule of a run names the samples of the dataset, and a mixed batch is mixed alike when it is replayed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

import nbdebug
from nbdebug.nonfinite.kept.capsule import read
from tests.training.alarms import trainings
from tests.training.alarms.test_nonfinite import failed, line_of


def bad_index(capsule):
    kept = read(capsule)
    rows = (kept.batch()[0].abs().sum(1) == 0).nonzero().flatten().tolist()
    return [kept.indices[row] for row in rows]


class AsLists(torch.utils.data.Dataset):
    """No TensorDataset, so that samples are read one by one."""

    def __init__(self):
        self.samples = trainings.samples()

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["tensors", "lists"])
def test_dataset_indices_are_named(kind, workers):
    dataset = trainings.samples() if kind == "tensors" else AsLists()
    setup = replace(trainings.setup(), train_loader=DataLoader(dataset, batch_size=4, shuffle=True, num_workers=workers))
    run, said = failed(setup, config={"training": {"accumulate": 2}})
    [capsule] = run.capsules
    assert bad_index(capsule) == [trainings.BAD]
    report = run.replay()
    assert report.result.reproduced and report.findings[0].location.line == line_of("born here")


def test_a_batch_sampler_of_its_own():
    class Pairs(BatchSampler):
        pass

    dataset = trainings.samples()
    loader = DataLoader(dataset, batch_sampler=Pairs(SequentialSampler(dataset), 8, False))
    run, _ = failed(replace(trainings.setup(), train_loader=loader))
    assert bad_index(run.capsules[0]) == [trainings.BAD]


class Stream(IterableDataset):
    def __iter__(self):
        yield from trainings.samples()


def test_of_a_stream_nobody_knows():
    run, _ = failed(replace(trainings.setup(), train_loader=DataLoader(Stream(), batch_size=8)))
    assert read(run.capsules[0]).indices is None


def bad_input():
    """A sample that is not finite itself."""
    dataset = trainings.samples(bad=False)
    dataset.tensors[0][trainings.BAD, 2] = float("nan")
    return replace(trainings.setup(trainings.divides_safely, dataset=dataset), val_loader=None)


def test_a_finding_about_a_sample_says_its_index():
    run, _ = failed(bad_input(), num_processes=1)
    assert any(f"{trainings.BAD}" in f"{finding.message} {finding.location}" for finding in run.findings), [str(f) for f in run.findings]
    assert trainings.BAD in read(run.capsules[0]).indices


def pictures():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2))
    loader = DataLoader(torch.utils.data.TensorDataset(torch.randn(64, 1, 8, 8), torch.randint(0, 2, (64,))), batch_size=8, shuffle=True)
    return nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)


@pytest.mark.parametrize("mixed", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0, "mix_probability": 0.5}])
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_mixed_batch_is_mixed_alike_when_it_is_replayed(mixed, ranks):
    setup = pictures()
    run = nbdebug.launch(setup, num_processes=ranks, epochs=2, preflight=False, config={"data": mixed, "watch": {"gradient_norm": 1e-6}}).wait(240)
    assert len(run.capsules) == 3
    for number in range(3):
        compared = run.replay(number).result.compared
        assert len(compared) >= 2 and all(pair.same for pair in compared)  # the loss and the gradients, bit for bit
    unmixed = nbdebug.replay(run.capsules[0], replace(setup, val_loader=None)).result.compared
    assert mixed.get("mix_probability") or not all(pair.same for pair in unmixed)
