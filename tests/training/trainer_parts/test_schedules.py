"""Learning rates against formulas on paper and against torch's and the field's own schedules."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from nbdebug.errors import ConfigError
from nbdebug.training.config import read_config
from nbdebug.training.trainer.own_schedules import OwnSchedules, interval_of
from nbdebug.training.trainer.schedules import Schedule, build_scheduler


def sgd(lr: float = 1.0, *more: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (lr, *more)], lr=lr)


def rates(total: int, *, epochs: int = 1, **scheduler: object) -> list[float]:
    """The rate at each step of a training."""
    config = read_config(scheduler=scheduler, epochs=epochs)
    optimizer = sgd()
    schedule = build_scheduler(config, optimizer, total)
    found = []
    for step in range(1, total + 1):
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step()
        if step % (total // epochs) == 0:
            schedule.end_epoch()
    return found


def torchs(make: object, total: int) -> list[float]:
    optimizer = sgd()
    scheduler = make(optimizer)  # type: ignore[operator]
    found = []
    for _ in range(total):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    "told, make",
    [
        ({"type": "cosine", "min_lr": 0.1}, lambda o: lr_scheduler.CosineAnnealingLR(o, 20, 0.1)),
        ({"type": "linear"}, lambda o: lr_scheduler.LinearLR(o, 1.0, 1e-12, 20)),
        ({"type": "polynomial", "power": 2}, lambda o: lr_scheduler.PolynomialLR(o, 20, 2)),
        ({"type": "restarts", "T_0": 3, "T_mult": 2, "interval": "step"}, lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2)),
        ({"type": "step", "step_size": 4, "interval": "step"}, lambda o: lr_scheduler.StepLR(o, 4)),
        ({"type": "multistep", "milestones": [3, 9], "gamma": 0.5, "interval": "step"}, lambda o: lr_scheduler.MultiStepLR(o, [3, 9], 0.5)),
        ({"type": "exponential", "gamma": 0.9, "interval": "step"}, lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
        ({"type": "onecycle"}, lambda o: lr_scheduler.OneCycleLR(o, 1.0, 20, cycle_momentum=False)),
    ],
    ids=lambda one: one.get("type") if isinstance(one, dict) else "",
)
def test_a_shape_is_that_of_torch(told: dict[str, object], make: object) -> None:
    assert rates(20, **told) == pytest.approx(torchs(make, 20), abs=1e-6)


def test_a_warm_up_grows_evenly_and_ends_at_the_full_rate() -> None:
    found = rates(10, type="cosine", warmup_steps=4)
    assert found[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert found[-1] == pytest.approx((1 + math.cos(math.pi * 5 / 6)) / 2)
    assert rates(10, type="constant", warmup_steps=2, warmup_start=0.5)[:3] == pytest.approx([0.75, 1.0, 1.0])
    assert rates(20, epochs=5, type="constant", warmup_epochs=0.5)[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert rates(20, type="linear", warmup_ratio=0.1)[:3] == pytest.approx([0.5, 1.0, 1.0])


def test_epochs_are_steps_of_a_stair_and_a_warm_up_stays_in_steps() -> None:
    assert rates(8, epochs=4, type="cosine", T_max=4, warmup_steps=2) == pytest.approx([0.5, 1.0] + [(1 + math.cos(math.pi * e / 4)) / 2 for e in (1, 1, 2, 2, 3, 3)])


def test_a_plateau_falls_after_its_patience_and_not_for_what_is_better() -> None:
    config = read_config(scheduler={"type": "plateau", "patience": 1, "factor": 0.5})
    optimizer = sgd()
    schedule, theirs = build_scheduler(config, optimizer, None), sgd()
    torchs_own = lr_scheduler.ReduceLROnPlateau(theirs, patience=1, factor=0.5)
    for value in (3.0, 2.0, 2.0, 2.0, float("nan"), 1.9, 1.9, 1.9, 1.9):
        schedule.judged(value)
        torchs_own.step(value)
        assert optimizer.param_groups[0]["lr"] == theirs.param_groups[0]["lr"], value


def test_a_plateau_knows_which_way_is_better() -> None:
    config = read_config(scheduler={"type": "plateau", "patience": 0, "factor": 0.5}, metrics=["accuracy"], **{"checkpoint.monitor": "accuracy"})
    optimizer = sgd()
    schedule = build_scheduler(config, optimizer, None)
    for value in (0.5, 0.6, 0.7):
        schedule.judged(value)
    assert optimizer.param_groups[0]["lr"] == 1.0
    schedule.judged(0.6)
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_groups_keep_their_proportions() -> None:
    optimizer = sgd(1.0, 0.1)
    schedule = build_scheduler(read_config(scheduler={"type": "onecycle", "max_lr": 2.0}), optimizer, 10)
    for _ in range(3):
        schedule.step()
    assert optimizer.param_groups[1]["lr"] == pytest.approx(0.1 * optimizer.param_groups[0]["lr"])
    assert optimizer.param_groups[0]["lr"] > 1.5


def test_a_schedule_goes_on_where_it_was() -> None:
    config = read_config(scheduler={"type": "cosine", "warmup_steps": 3})
    whole = rates(12, type="cosine", warmup_steps=3)
    first = build_scheduler(config, sgd(), 12)
    for _ in range(5):
        first.step()
    optimizer = sgd()
    second = build_scheduler(config, optimizer, 12)
    second.load_state_dict(first.state_dict())
    assert optimizer.param_groups[0]["lr"] == whole[5]


def test_a_rate_that_is_a_tensor_stays_that_tensor() -> None:
    lr = torch.tensor(1.0)
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=lr, capturable=False, foreach=False)
    schedule = build_scheduler(read_config(scheduler="linear"), optimizer, 4)
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is lr and float(lr) == 0.75


def test_a_length_that_nobody_knows_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="say training.max_steps or scheduler.T_max"):
        build_scheduler(read_config(scheduler="cosine"), sgd(), None)
    with pytest.raises(ConfigError, match="would end within the warm-up"):
        build_scheduler(read_config(scheduler={"type": "cosine", "warmup_steps": 50}), sgd(), 50)
    assert isinstance(build_scheduler(read_config(scheduler="constant"), sgd(), None), Schedule)


@pytest.mark.parametrize(
    "make, interval",
    [
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 1000), "step"), (lambda o: lr_scheduler.CosineAnnealingLR(o, 10), "epoch"), (lambda o: lr_scheduler.CosineAnnealingLR(o, 1000), "step"),
        (lambda o: lr_scheduler.StepLR(o, 3), "epoch"), (lambda o: lr_scheduler.LambdaLR(o, lambda n: 1.0), "epoch"),
        (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o, total_iters=50), lr_scheduler.CosineAnnealingLR(o, 950)], [50]), "step"),
        (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o, total_iters=2), lr_scheduler.CosineAnnealingLR(o, 8)], [2]), "epoch"),
    ],
)  # fmt: skip
def test_what_a_scheduler_of_the_users_counts(make: object, interval: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert interval_of(make(sgd()), 10, 1000) == interval  # type: ignore[operator]


def test_transformers_schedule_counts_steps() -> None:
    transformers = pytest.importorskip("transformers")
    assert interval_of(transformers.get_linear_schedule_with_warmup(sgd(), 10, 100), 10, None) == "step"


def test_own_schedulers_are_stepped_as_they_are_meant() -> None:
    optimizer = sgd()
    by_epoch, waiting = lr_scheduler.StepLR(optimizer, 1, 0.5), lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.1)
    own = OwnSchedules((by_epoch, waiting), 10, 1000)
    optimizer.step()
    own.step()
    assert optimizer.param_groups[0]["lr"] == 1.0
    own.end_epoch()
    assert optimizer.param_groups[0]["lr"] == 0.5
    own.judged(1.0)
    own.judged(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)
    again = OwnSchedules((lr_scheduler.StepLR(sgd(), 1, 0.5), lr_scheduler.ReduceLROnPlateau(sgd())), 10, 1000)
    again.load_state_dict(own.state_dict())
    assert again.own[0].last_epoch == 1
    assert build_scheduler(read_config(), optimizer, 10, (by_epoch,)).interval == "epoch"
    assert build_scheduler(read_config(scheduler={"interval": "step"}), optimizer, 10, (by_epoch,)).interval == "step"
