"""What differs between two repetitions of a training is named; what a seed reaches is left alone."""

from __future__ import annotations

import os
import random
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import nbdebug
from nbdebug import SetupError, TrainingSetup
from tests.patients.parts import features, mlp


def setup_of(model: nn.Module | None = None, dataset: object = None, **parts: object) -> TrainingSetup:
    torch.manual_seed(0)
    model = mlp() if model is None else model
    loader = DataLoader(dataset or TensorDataset(*features()), batch_size=16, shuffle=not isinstance(dataset, IterableDataset))  # type: ignore[arg-type]
    given = {"model": model, "loss_fn": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(model.parameters()), "train_loader": loader}
    return TrainingSetup(**(given | parts))


class Samples(Dataset):
    """Every sample goes through `jitter`, which gets its index."""

    def __init__(self, jitter) -> None:
        self.inputs, self.targets = features()
        self.jitter = jitter

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int):
        return self.inputs[index] + self.jitter(index), self.targets[index]


class Through(nn.Module):
    def __init__(self, act) -> None:
        super().__init__()
        self.body, self.act = nn.Linear(64, 10), act

    def forward(self, x):
        return self.body(self.act(x))


def test_a_plain_training_repeats_bit_for_bit():
    report = nbdebug.determinism(setup_of())
    assert not report.findings and report.result.parting is None
    assert report.result.steps == 3 and report.result.compared > 100
    assert report.result.losses[0] == report.result.losses[1]


@pytest.mark.parametrize("draw", [
    lambda _: 0.1 * torch.randn(64), lambda _: 0.1 * np.random.rand(), lambda _: 0.1 * random.random(),
])  # fmt: skip
def test_random_numbers_that_a_seed_reaches_are_sound(draw):
    assert not nbdebug.determinism(setup_of(dataset=Samples(draw))).findings


def test_dropout_and_shuffling_are_sound():
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10))
    assert not nbdebug.determinism(setup_of(model)).findings


def test_a_sample_that_reads_the_clock_is_named_by_its_index():
    report = nbdebug.determinism(setup_of(dataset=Samples(lambda index: time.perf_counter_ns() % 997 * 1e-3 if index == 13 else 0.0)), steps=40)
    (finding,) = report.findings
    assert finding.code == "ND715" and "dataset index 13" in str(finding.location)
    assert report.result.parting.what == "sample"


def test_an_operator_that_reads_the_system_is_named_with_its_line():
    def noise(x):
        return x + torch.frombuffer(bytearray(os.urandom(64)), dtype=torch.uint8).float()

    report = nbdebug.determinism(setup_of(Through(noise)))
    (finding,) = report.findings
    assert finding.location.line == noise.__code__.co_firstlineno + 1
    assert report.result.parting.what == "forward" and report.result.parting.step == 0


class _Leaky(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (1 + 1e-3 * (os.urandom(1)[0] + time.perf_counter_ns() % 1000))


def test_a_backward_pass_that_differs_is_told_from_the_forward_pass():
    model = nn.Sequential(nn.Linear(64, 32), Through(lambda x: x), nn.Linear(10, 10))
    model[1] = nn.Sequential(nn.Linear(32, 10), Applied())
    report = nbdebug.determinism(setup_of(model))
    assert report.result.parting.what == "backward" and len(report.findings) == 1


class Applied(nn.Module):
    def forward(self, x):
        return _Leaky.apply(x) * 2.0


class Moody(torch.optim.SGD):
    def step(self, closure=None):
        for group in self.param_groups:
            group["lr"] = 1e-3 * (1 + os.urandom(1)[0] + time.perf_counter_ns() % 1000)
        return super().step(closure)


def test_an_optimizer_that_differs_is_told():
    model = mlp()
    report = nbdebug.determinism(setup_of(model, optimizer=Moody(model.parameters(), lr=1e-3)))
    assert report.result.parting.what == "update" and report.findings[0].location.parameter


def test_generators_of_the_users_own_are_listed_and_not_accused():
    dataset = Samples(None)
    dataset.rng = np.random.default_rng()
    dataset.unused = random.Random()
    dataset.jitter = lambda index: dataset.rng.normal(0, 0.1, 64).astype(np.float32)
    report = nbdebug.determinism(setup_of(dataset=dataset))
    assert not report.findings
    assert {g.name.rpartition(".")[2]: g.matters for g in report.result.generators} == {"rng": True, "unused": False}
    assert "seed each where it is built" in str(report)


class Stream(IterableDataset):
    def __init__(self, source) -> None:
        self.source = source

    def __iter__(self):
        return self.source


def test_a_stream_that_cannot_be_rewound_is_not_accused():
    inputs, targets = features()
    report = nbdebug.determinism(setup_of(dataset=Stream(iter(list(zip(inputs, targets, strict=True))))))
    assert not report.findings
    assert any(v.state == "not checked" for v in report.verdicts) or report.result.parting is None


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "0"])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(SetupError, match="whole number"):
        nbdebug.seed_everything(seed)


def test_a_seed_reaches_python_numpy_and_torch(monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    drawn = []
    for _ in range(2):
        assert nbdebug.seed_everything(7) == 7
        drawn.append((random.random(), np.random.rand(), float(torch.rand(1))))
    assert drawn[0] == drawn[1]


def test_deterministic_mode_is_asked_for_and_else_left_alone(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    try:
        nbdebug.seed_everything(0)
        assert not torch.are_deterministic_algorithms_enabled()
        nbdebug.seed_everything(0, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_an_optimizer_that_asks_for_a_closure_gets_one():
    model = Through(lambda x: x)
    setup = setup_of(model, optimizer=torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3))
    report = nbdebug.determinism(setup)
    assert report.result.parting is None and len(report.result.losses) == 2
    assert report.proof.changes == ()
