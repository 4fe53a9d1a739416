"""Loops drawn at random, with whatever a training loop may do at the end of an epoch or in between: slept through, nothing of them is lost."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.functional import cross_entropy
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.instruments.watch import constant
from nbdebug.instruments.watch.result import WatchResult

pytestmark = pytest.mark.filterwarnings("ignore")

SEEDS = 30
SCHEDULERS = {
    "at the epoch's end": lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.7),
    "after validation": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.95),
    "every update": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 100),
    "by its loss": lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=1),
}


@dataclass(frozen=True)
class Way:
    """How a loop goes; of numbers 0 is never."""

    samples: int
    batch: int
    validation_batch: int
    epochs: int
    scheduler: str | None
    modes: str  # which of eval() and train() are called around a validation
    validation_loss: str
    states_every: int  # epochs
    skips_validation_every: int
    breaks_off_from: int  # epoch from which a validation is broken off
    clears: str
    clips: bool
    second_validation: bool
    with_gradients_in: int  # the epoch whose validation forgets no_grad
    averages: bool
    validates_every: int  # updates, too
    ends_early: str
    drops_last: bool
    accumulates: int
    imported: bool  # the loss function by its name, past the taps


def drawn(seed: int) -> Way:
    chance = random.Random(seed)
    return Way(
        samples=chance.choice([8, 12, 15, 20]), batch=chance.choice([2, 3, 5]), validation_batch=chance.choice([2, 5, 20]),
        epochs=chance.choice([4, 6, 9, 14]), scheduler=chance.choice([None, *SCHEDULERS]), modes=chance.choice(["both", "eval", "neither", "both, inside"]),
        validation_loss=chance.choice(["one", "another", "two", "none", "by hand"]), states_every=chance.choice([0, 0, 3]),
        skips_validation_every=chance.choice([0, 0, 4, 5]), breaks_off_from=chance.choice([0, 0, 5, 7]), clears=chance.choice(["first", "before backward", "last"]),
        clips=chance.choice([False, True]), second_validation=chance.choice([False, False, True]), with_gradients_in=chance.choice([0, 0, 0, 6]),
        averages=chance.choice([False, False, True]), validates_every=chance.choice([0, 0, 4]), ends_early=chance.choice(["", "", "break", "interrupt"]),
        drops_last=chance.choice([False, True]), accumulates=chance.choice([1, 1, 1, 2]), imported=chance.choice([False, False, True]),
    )  # fmt: skip


def validate(way: Way, model: nn.Module, batches: DataLoader, epoch: int) -> float:
    total = 0.0
    if way.modes != "neither":
        model.eval()
    with torch.set_grad_enabled(bool(epoch) and epoch == way.with_gradients_in):
        for number, (x, y) in enumerate(batches):
            if number == 1 and 0 < way.breaks_off_from <= epoch:
                break
            output = model(x)
            if way.validation_loss in ("one", "two"):
                total += F.cross_entropy(output, y).item()
            if way.validation_loss in ("another", "two"):
                total += F.mse_loss(output, torch.zeros_like(output)).item()
            if way.validation_loss == "by hand":
                total += float(output.softmax(1).square().mean())
    if way.modes == "both, inside":
        model.train()
    return total


def train(way: Way) -> None:
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(way.samples, 6), torch.randint(0, 3, (way.samples,)))
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    average = torch.optim.swa_utils.AveragedModel(model) if way.averages else None
    batches, held, other = DataLoader(data, way.batch, drop_last=way.drops_last), DataLoader(data, way.validation_batch), DataLoader(data, 7)
    scheduler = SCHEDULERS[way.scheduler](optimizer) if way.scheduler else None
    update = 0
    for epoch in range(way.epochs):
        if way.modes == "both":
            model.train()
        for x, y in batches:
            update += 1
            if way.clears == "first":
                optimizer.zero_grad()
            loss = (cross_entropy if way.imported else F.cross_entropy)(model(x), y)
            if way.clears == "before backward":
                optimizer.zero_grad()
            loss.backward()
            if way.clips:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            if update % way.accumulates == 0:
                optimizer.step()
                if way.clears == "last":
                    optimizer.zero_grad()
            if way.scheduler == "every update":
                scheduler.step()
            if way.validates_every and update % way.validates_every == 0:
                validate(way, model, other, epoch)
                model.train()
        if way.scheduler == "at the epoch's end":
            scheduler.step()
        if average is not None:
            average.update_parameters(model)
        if not way.skips_validation_every or epoch % way.skips_validation_every < way.skips_validation_every - 1:
            total = validate(way, average if average is not None else model, held, epoch)
            if way.second_validation:
                validate(way, model, other, epoch)
            if way.scheduler == "by its loss":
                scheduler.step(total)
        if way.scheduler == "after validation":
            scheduler.step()
        if way.states_every and epoch % way.states_every == 0:
            model.state_dict()
        if way.ends_early and epoch == way.epochs - 2:
            if way.ends_early == "break":
                break
            raise KeyboardInterrupt


def watched(way: Way, **pace: int) -> WatchResult:
    watch = nbdebug.watch(live=False, **pace)
    try:
        with watch:
            train(way)
    except KeyboardInterrupt:
        assert way.ends_early == "interrupt"
    return watch.result()


def told(result: WatchResult) -> dict[str, object]:
    """Everything but what is only measured at looks."""
    return {
        "limits": result.limits, "constants": result.constants, "steps": result.steps, "cycles": result.cycles, "loaders": result.loaders, "schedulers": result.schedulers,
        "curves": {name: track for name, track in result.tracks.items() if name.startswith(("loss", "validation", "given to"))},
        "models": [(model.name, model.forwards) for model in result.models],
        "optimizers": [(optimizer.steps, optimizer.skipped, optimizer.groups) for optimizer in result.optimizers],
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _a_few_targets_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constant, "ENOUGH", 1)
    monkeypatch.setattr(constant, "PER_CLASS", 0)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_slept_through_is_told_as_what_is_heard(seed: int) -> None:
    way = drawn(seed)
    heard, slept, usual = watched(way, every=1), watched(way, every=1000), watched(way)
    assert heard.constants
    assert told(slept) == told(heard) and told(usual) == told(heard)


def test_most_of_them_are_slept_through() -> None:
    results = [watched(drawn(seed), every=1000) for seed in range(SEEDS)]
    assert sum(r.heard for r in results) < 0.8 * sum(r.steps for r in results)
