"""What cannot be trained, or gone on with, is said in a sentence, before a process starts and before anything is written."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup
from nbdebug.errors import CheckpointError, LaunchError
from nbdebug.training import checkpoint, fitting
from nbdebug.training.config import read_config
from nbdebug.training.folder import RunFolder
from nbdebug.training.launching import launch
from nbdebug.training.local import server
from tests.training.run import trainings


def lazy():
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
    return replace(trainings.setup(), model=model, optimizer=torch.optim.SGD(model.parameters(), 0.1))


def without_batches(**options):
    return replace(trainings.setup(), train_loader=DataLoader(TensorDataset(torch.ones(3, 4), torch.ones(3)), **options))


def frozen():
    setup = trainings.setup()
    setup.model.requires_grad_(False)
    return setup


def with_closure():
    setup = trainings.setup()
    return replace(setup, optimizer=torch.optim.LBFGS([p for p in setup.model.parameters() if p.requires_grad]))


def one_cycle(steps):
    setup = trainings.setup()
    return replace(setup, scheduler=OneCycleLR(setup.optimizers[0], 0.1, total_steps=steps))


REFUSED = {
    "lazy": (lazy, {}, r"the model has lazy layers \(0, 2\) that no batch has reached yet: run model\(inputs\) once, and make the optimizer after that"),
    "empty": (lambda: without_batches(batch_size=8, drop_last=True), {}, "train_loader is empty, it gives no batch: 3 samples, in batches of 8, the last one dropped"),
    "no batches": (lambda: replace(trainings.setup(), train_loader=[]), {}, "train_loader is empty, it gives no batch$"),
    "frozen": (frozen, {}, "there is nothing to train: no parameter of the model, or of its optimizer, requires a gradient"),
    "closure": (with_closure, {}, "LBFGS calls a closure several times in a step"),
    "a cycle that is over": (lambda: one_cycle(20), {"max_steps": 21}, "OneCycleLR was made for 20 steps, and the run makes 21 or more: total_steps=21, or scheduler='onecycle'"),
    "by epochs": (lambda: one_cycle(20), {"epochs": 3}, "OneCycleLR was made for 20 steps, and the run makes 24 or more"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name, runs_dir, monkeypatch):
    make, told, words = REFUSED[name]
    monkeypatch.setattr(server, "ahead", lambda *_: pytest.fail("a process was started"))
    with pytest.raises(LaunchError, match=words):
        launch(make(), num_processes=2, **told)
    assert list(runs_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (trainings.setup, {}), (lambda: one_cycle(20), {"max_steps": 20}), (lambda: one_cycle(20), {"epochs": 2}), (with_closure, {"optimizer": "adam"}),
        (lambda: without_batches(batch_size=8), {}), (lambda: replace(trainings.setup(), train_loader=iter(())), {}),
    ],
)  # fmt: skip
def test_what_is_not(make, told):
    fitting.demand_trainable(make(), read_config(**told), 2)


def saved(tmp_path, setup):
    state = {"place": {}, "model": setup.model.state_dict(), "optimizer0": setup.optimizers[0].state_dict()}
    return checkpoint.save(RunFolder(tmp_path), 1, state)


def test_a_checkpoint_of_another_model_or_optimizer(tmp_path):
    setup = trainings.setup()
    path, other = saved(tmp_path, setup), nn.Sequential(nn.Linear(4, 2))
    fitting.demand_same(setup, read_config(), path)
    fitting.demand_same(replace(setup, model=torch.compile(setup.model, backend="eager")), read_config(), path)
    with pytest.raises(CheckpointError, match="is of another model than this one: it lacks 0.bias, 0.weight; it has first.bias, first.weight"):
        fitting.demand_same(TrainingSetup(other, None, torch.optim.SGD(other.parameters(), 0.1), setup.train_loader), read_config(), path)
    wide = trainings.setup()
    wide.model.head = nn.Linear(4, 3)
    with pytest.raises(CheckpointError, match=r"head.weight is \(2, 4\) there and \(3, 4\) here"):
        fitting.demand_same(wide, read_config(), path)
    adam = replace(setup, optimizer=torch.optim.Adam(setup.model.parameters()))
    with pytest.raises(CheckpointError, match="is of another optimizer than Adam: it has dampening, momentum, nesterov, and no amsgrad, betas"):
        fitting.demand_same(adam, read_config(), path)
    fitting.demand_same(adam, read_config(optimizer="sgd"), path)  # the ranks make one


def test_the_weights_of_a_compiled_model_come_back_into_it():
    setup = trainings.setup()
    compiled = torch.compile(setup.model, backend="eager")
    before = setup.model.first.weight.detach().clone()
    run = launch(replace(setup, model=compiled), num_processes=2, max_steps=2).wait(240)
    assert run.model is compiled and not torch.equal(setup.model.first.weight, before)


@dataclass
class Settings:
    lr: float = 0.25
    epochs: int = 3


def test_settings_may_be_a_dataclass_or_what_argparse_gives():
    for told in (Settings(), argparse.Namespace(lr=0.25, epochs=3)):
        config = read_config(told)
        assert config.optimizer.lr == 0.25 and config.training.epochs == 3
