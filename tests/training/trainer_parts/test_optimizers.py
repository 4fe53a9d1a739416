"""Optimizers by name, groups without decay, and the setup's own with other numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from nbdebug.errors import ConfigError
from nbdebug.training.config import read_config
from nbdebug.training.config.of_learning import OPTIMIZERS
from nbdebug.training.trainer.optimizers import build_optimizer
from nbdebug.training.trainer.schedules import build_scheduler


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Embedding(5, 3), nn.Linear(4, 2, bias=False))


@pytest.mark.parametrize("name", ["adamw", "SGD", "Rms_Prop", "torch.optim.NAdam", "adamw_torch"])
def test_a_name_is_found_however_it_is_written(name: str) -> None:
    made = build_optimizer(read_config(optimizer={"type": name, "lr": 0.5}), net())
    assert type(made).__name__.lower() in name.lower().replace("_", "") and made.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"LBFGS", "Muon"}))
def test_each_of_torchs_optimizers_can_be_made(name: str) -> None:
    assert type(build_optimizer(read_config(optimizer=name), net())).__name__ == name


def test_norms_and_biases_do_not_decay_when_asked() -> None:
    model = net()
    decayed, spared = build_optimizer(read_config(optimizer={"type": "adamw", "weight_decay": 0.1, "decay_norms": False}), model).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert {id(p) for p in decayed["params"]} == {id(model[0].weight), id(model[2].weight), id(model[3].weight)}
    assert {id(p) for p in spared["params"]} == {id(model[0].bias), id(model[1].weight), id(model[1].bias)}
    assert len(build_optimizer(read_config(optimizer="adamw"), model).param_groups) == 1


def test_frozen_weights_are_left_out_and_tied_ones_come_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model[2].requires_grad_(False)
    assert len(build_optimizer(read_config(optimizer="sgd"), model).param_groups[0]["params"]) == 3
    with pytest.raises(ConfigError, match="nothing to train"):
        build_optimizer(read_config(optimizer="sgd"), model.requires_grad_(False))


def test_without_any_it_is_adamw_and_the_setups_own_stays() -> None:
    assert type(build_optimizer(read_config(), net())).__name__ == "AdamW"
    assert build_optimizer(read_config(lr=0.3), net()).param_groups[0]["lr"] == 0.3
    own = torch.optim.SGD(net().parameters(), lr=1.0)
    assert build_optimizer(read_config(), net(), (own,)) is own and own.param_groups[0]["lr"] == 1.0


def test_numbers_of_the_setups_own_optimizer_are_changed() -> None:
    own = torch.optim.SGD(net().parameters(), lr=1.0)
    assert build_optimizer(read_config(lr=0.3, momentum=0.9), net(), (own,)) is own
    assert (own.param_groups[0]["lr"], own.param_groups[0]["momentum"]) == (0.3, 0.9)


def test_a_changed_rate_reaches_the_setups_own_scheduler() -> None:
    own = torch.optim.SGD(net().parameters(), lr=1.0)
    scheduler = lr_scheduler.LambdaLR(own, lambda n: (n + 1) / 4)
    config = read_config(lr=0.2)
    build_optimizer(config, net(), (own,))
    assert own.param_groups[0]["lr"] == pytest.approx(0.05)  # at the first quarter of the warm-up
    rates = build_scheduler(config, own, 10, (scheduler,))
    own.step()
    rates.end_epoch()
    assert own.param_groups[0]["lr"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "words, message",
    [
        ({"momentum": 0.9}, "momentum is no option of the setup's Adam"),
        ({"lr": 0.1}, r"would make one of what differs between the groups of the setup's Adam \(1, 0.5\)"),
        ({"decay_norms": False}, "say optimizer.type"),
    ],
)
def test_what_the_setups_own_optimizer_cannot_have(words: dict[str, object], message: str) -> None:
    own = torch.optim.Adam([{"params": [nn.Parameter(torch.zeros(1))]}, {"params": [nn.Parameter(torch.zeros(1))], "lr": 0.5}], lr=1.0)
    with pytest.raises(ConfigError, match=message):
        build_optimizer(read_config(**words), net(), (own,))


def test_several_optimizers_and_options_that_torch_refuses() -> None:
    two = [torch.optim.SGD(net().parameters(), lr=1.0) for _ in range(2)]
    with pytest.raises(ConfigError, match="the setup has 2 optimizers"):
        build_optimizer(read_config(lr=0.1), net(), two)
    with pytest.raises(ConfigError, match="SGD cannot be made of these options"):
        build_optimizer(read_config(optimizer={"type": "sgd", "nesterov": True}), net())
