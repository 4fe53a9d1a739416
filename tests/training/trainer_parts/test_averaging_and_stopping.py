"""The moving average of the weights, early stopping, seeds of ranks."""

from __future__ import annotations

import copy
import random

import numpy
import pytest
import torch
from torch import nn

from nbdebug.errors import CheckpointError, ConfigError
from nbdebug.training.config import EarlyStopping
from nbdebug.training.trainer.averaging import Averaged
from nbdebug.training.trainer.determinism import rank_seed, repeatable, seed_rank, undisturbed
from nbdebug.training.trainer.stopping import Stopping


def test_the_average_is_its_formula() -> None:
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    averaged = Averaged(model, 0.5)
    expected = 0.0
    for n, weight in enumerate((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0)):
        model.weight.data.fill_(weight)
        averaged.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * weight
    assert float(averaged.weights()["weight"]) == pytest.approx(expected)


def test_validation_sees_the_average_and_training_goes_on_with_its_own_weights() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3).bfloat16())
    model[2].bias = nn.Parameter(model[2].bias.detach())
    averaged = Averaged(model, 0.9)
    for parameter in model.parameters():
        parameter.data.add_(1.0)
    model[1].num_batches_tracked += 5
    averaged.update()
    own, places = copy.deepcopy(model.state_dict()), [p.data_ptr() for p in model.parameters()]
    with pytest.raises(KeyboardInterrupt), averaged.swapped_in():
        assert not torch.equal(model[0].weight, own["0.weight"])
        assert int(model[1].num_batches_tracked) == 5
        raise KeyboardInterrupt
    assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())
    assert places == [p.data_ptr() for p in model.parameters()]
    assert averaged.weights().keys() == own.keys()


def test_tied_weights_are_averaged_once_and_an_average_is_resumed() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    averaged = Averaged(model, 0.9)
    model[0].weight.data.add_(1.0)
    averaged.update()
    again = Averaged(copy.deepcopy(model), 0.9)
    again.load_state_dict(averaged.state_dict())
    assert again.count == 1
    assert all(torch.equal(a, b) for a, b in zip(averaged.weights().values(), again.weights().values(), strict=True))
    weights = averaged.weights()
    assert torch.equal(weights["0.weight"], weights["1.weight"])
    with pytest.raises(CheckpointError, match="weight"):
        Averaged(nn.Linear(2, 2), 0.9).load_state_dict(averaged.state_dict())


def test_stopping_after_patience_values_that_are_no_better() -> None:
    stopping = Stopping(EarlyStopping(patience=2, min_delta=0.1))
    assert [stopping.told(v) for v in (3.0, 2.0, 1.95, 2.5)] == [False, False, False, True]
    assert stopping.best == 2.0 and "loss was not better in 2 validations (the best was 2)" in stopping.reason


def test_stopping_by_a_metric_that_grows_and_nan_is_never_better() -> None:
    stopping = Stopping(EarlyStopping(monitor="accuracy", patience=2))
    assert [stopping.told({"loss": 1.0, "accuracy": v}) for v in (float("nan"), 0.5, 0.6, float("nan"), 0.6)] == [False, False, False, False, True]
    again = Stopping(EarlyStopping(monitor="accuracy", patience=2))
    again.load_state_dict(stopping.state_dict())
    assert again.told(0.5) and not again.told(0.7)
    assert Stopping(EarlyStopping(patience=0)).told(1.0) is False
    with pytest.raises(ConfigError, match='monitors "accuracy", and a validation gives loss'):
        again.told({"loss": 1.0})


def test_ranks_draw_different_numbers_and_rank_0_those_of_the_seed() -> None:
    assert rank_seed(7, 0) == 7 and len({rank_seed(seed, rank) for seed in range(50) for rank in range(50)}) == 2500
    with undisturbed():
        drawn = []
        for rank in (0, 1, 0):
            seed_rank(3, rank)
            drawn.append((random.random(), float(numpy.random.rand()), float(torch.rand(()))))
    assert drawn[0] == drawn[2] and not set(drawn[0]) & set(drawn[1])


def test_what_was_asked_of_torch_is_as_before() -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    with pytest.raises(KeyboardInterrupt), repeatable(True):
        assert torch.are_deterministic_algorithms_enabled()
        raise KeyboardInterrupt
    with repeatable(False):
        assert torch.are_deterministic_algorithms_enabled() == before[0]
    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before
