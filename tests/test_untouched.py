"""Twin runs: *train, examine, train on* is the same as *train straight through*, bit for bit, for every instrument."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import nbdebug.instruments  # noqa: F401  registers them
from nbdebug import NbdebugError, TrainingSetup, checkup
from nbdebug.instruments.base import INSTRUMENTS, Instrument
from nbdebug.page import Note

STEPS, EXAMINED = 4, 2  # examined in the third step: momentum and statistics have moved by then

pytestmark = pytest.mark.filterwarnings("ignore")


class Net(nn.Module):
    """Everything that a forward may write to, in one small model."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8, sparse=sparse, max_norm=2.0)
        self.first, self.tied = nn.Linear(8, 8), nn.Linear(8, 8)
        self.tied.weight = self.first.weight
        self.norm, self.frozen_norm = nn.BatchNorm1d(8), nn.BatchNorm1d(8)
        self.frozen_norm.eval().requires_grad_(False)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(8, 3)
        self.calls, self.history, self.cache = 0, [], {"means": []}
        self.average = torch.zeros(8)  # a plain tensor, written in place

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens).mean(1)  # (N, 8)
        x = self.norm(self.tied(self.drop(functional.relu(self.first(x)))))
        x = self.frozen_norm(x) + 0.1 * self.average * random.random() + 0.1 * float(np.random.rand())
        self.calls += 1
        self.history.append(self.calls)
        self.cache["means"].append(float(x.mean()))
        self.average.lerp_(x.detach().float().mean(0), 0.1)
        return self.head(x)


def parts(model: Net, dense: Callable[[list[Tensor]], Any]) -> tuple[Any, ...]:
    sparse = torch.optim.SparseAdam([model.embedding.weight], lr=0.05)
    rest = [p for p in model.parameters() if p is not model.embedding.weight and p.requires_grad]
    return sparse, dense(rest)


OPTIMIZERS: dict[str, Callable[[Net], Any]] = {
    "sgd": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9),
    "adam": lambda m: torch.optim.Adam(m.parameters(), lr=torch.tensor(0.01)),
    "adamw": lambda m: torch.optim.AdamW(m.parameters(), lr=0.01, amsgrad=True),
    "rmsprop": lambda m: torch.optim.RMSprop(m.parameters(), lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda m: torch.optim.Adagrad(m.parameters(), lr=0.05),
    "sparse": lambda m: parts(m, lambda rest: torch.optim.SGD(rest, lr=0.1)),
    "two": lambda m: parts(m, lambda rest: torch.optim.Adam(rest, lr=0.01)),
    "lbfgs": lambda m: torch.optim.LBFGS(m.parameters(), lr=0.1, max_iter=3),
}


def training(optimizer: str = "adam", *, half: bool = False) -> TrainingSetup:
    """A training with everything in it; the same each time it is built."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = Net(sparse=optimizer in ("sparse", "two"))
    made = OPTIMIZERS[optimizer](model)
    data = TensorDataset(torch.randint(0, 20, (24, 6)), torch.randint(0, 3, (24,)))
    single = made if isinstance(made, torch.optim.Optimizer) else made[0]
    return TrainingSetup(
        model, nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 1.0])), made,
        DataLoader(data, 4, shuffle=True), DataLoader(data, 8, generator=torch.Generator().manual_seed(1), shuffle=True),
        scheduler=torch.optim.lr_scheduler.OneCycleLR(single, 0.1, total_steps=40, cycle_momentum=False),
        scaler=torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=2) if half else None,
        precision="16-mixed" if half else "32-true",
    )  # fmt: skip


Examine = Callable[[TrainingSetup], None]


def run(setup: TrainingSetup, examine: Examine | None, moment: str = "between steps") -> dict[str, Any]:
    """The user's own loop, examined in its third step at a moment; returns all that is left in the end."""
    losses = []

    def at(here: str, step: int) -> None:
        if examine is not None and (moment == "always" or (step, here) == (EXAMINED, moment)):
            examine(setup)

    for step, batch in enumerate(setup.train_loader):
        if step == STEPS:
            break
        at("between steps", step)
        loss = setup.loss(batch)
        at("between forward and backward", step)
        setup.backward(loss)
        at("between backward and step", step)
        advance(setup, batch)
        losses.append(float(loss.detach()))
    return remains(setup) | {"losses": losses}


def advance(setup: TrainingSetup, batch: Any) -> None:
    if isinstance(setup.optimizers[0], torch.optim.LBFGS):
        optimizer = setup.optimizers[0]

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = setup.loss(batch)
            loss.backward()
            return loss

        optimizer.step(closure)
    else:
        setup.step()
    setup.scheduler.step()


def remains(setup: TrainingSetup) -> dict[str, Any]:
    model = setup.model
    drawn = random.random(), np.random.rand(), torch.rand(3), torch.rand(3, generator=setup.val_loader.generator)
    return {
        "weights and buffers": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in setup.optimizers],
        "scheduler": setup.scheduler.state_dict(),
        "scaler": setup.scaler.state_dict() if setup.scaler else {},
        "modes": [module.training for module in model.modules()],
        "attributes": [model.calls, model.history, model.cache, model.average],
        "hooks": [len(module._forward_hooks) for module in model.modules()],
        "draws": drawn,
    }


def difference(one: Any, other: Any, place: str = "") -> str:
    """The first place where two nests of values differ; empty when they are equal to the last bit."""
    if isinstance(one, Tensor):
        return "" if torch.equal(one, other) and one.dtype == other.dtype else place
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return place
        return next((d for key in one if (d := difference(one[key], other[key], f"{place}/{key}"))), "")
    if isinstance(one, (list, tuple)):
        return difference(dict(enumerate(one)), dict(enumerate(other)), place)
    return "" if one == other or callable(one) else place


# -- instruments of our own, rougher than any real one ------------------------------------------------------------


@dataclass(frozen=True)
class Nothing:
    def panels(self) -> tuple[Note, ...]:
        return ()


def instrument(measure: Callable[..., Any], *, trains: bool) -> Instrument:
    """An instrument that is not on the list."""
    return Instrument(measure, needs=(), trains=trains, title="rough", level="code", result=Nothing)


def noisy(setup: TrainingSetup) -> Iterator[Nothing]:
    """Forward and backward passes in train mode, on noise from every source."""
    setup.model.train()
    for batch in setup.train_loader:
        setup.backward(setup.loss(batch))
        random.random(), np.random.rand(), torch.rand(1), next(iter(setup.val_loader))
        yield Nothing()
    setup.model.requires_grad_(True)
    setup.model.head.register_forward_hook(lambda *_: None)


def trainer(setup: TrainingSetup) -> Iterator[Nothing]:
    """Really trains, at a rate that ruins the weights."""
    for optimizer in setup.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = 10.0
    for batch in setup.train_loader:
        setup.backward(setup.loss(batch))
        advance(setup, batch)
        yield Nothing()
    setup.model.head = nn.Linear(8, 3)


def clumsy(error: type[BaseException]) -> Callable[[TrainingSetup], Iterator[Nothing]]:
    def stumbling(setup: TrainingSetup) -> Iterator[Nothing]:
        """Makes a mess and does not come to its end."""
        for result in trainer(setup):
            yield result
            setup.model.eval()
            setup.model.zero_grad()
            torch.set_grad_enabled(False)
            raise error("in the middle")

    return stumbling


ROUGH = {"noisy": instrument(noisy, trains=False), "trainer": instrument(trainer, trains=True)}


def examination(name: str) -> Examine:
    def examine(setup: TrainingSetup) -> None:
        with suppress(NbdebugError):  # an instrument may refuse, and must leave no trace then either
            report = (INSTRUMENTS | ROUGH)[name](setup, budget=0.5)
            assert report.proof.changes == ()

    return examine


# -- the proof ----------------------------------------------------------------------------------------------------

straight: dict[tuple[str, bool], dict[str, Any]] = {}


def straight_through(optimizer: str, half: bool = False) -> dict[str, Any]:
    if (optimizer, half) not in straight:
        straight[optimizer, half] = copy.deepcopy(run(training(optimizer, half=half), None))
    return straight[optimizer, half]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", [*INSTRUMENTS, *ROUGH])
def test_training_goes_on_as_if_nothing_happened(name: str, optimizer: str) -> None:
    examined = run(training(optimizer), examination(name), "between backward and step")
    assert difference(straight_through(optimizer), examined) == ""


@pytest.mark.parametrize("moment", ["between steps", "between forward and backward"])
@pytest.mark.parametrize("name", [*INSTRUMENTS, *ROUGH])
def test_at_any_moment_of_a_step(name: str, moment: str) -> None:
    assert difference(straight_through("adam"), run(training("adam"), examination(name), moment)) == ""


@pytest.mark.parametrize("moment", ["between backward and step", "between forward and backward"])
@pytest.mark.parametrize("name", [*INSTRUMENTS, *ROUGH])
def test_under_half_precision(name: str, moment: str) -> None:
    examined = run(training("sgd", half=True), examination(name), moment)
    assert difference(straight_through("sgd", half=True), examined) == ""


@pytest.mark.parametrize("moment", ["between steps", "between forward and backward", "between backward and step"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit, SystemExit])
def test_an_error_is_no_excuse(error: type[BaseException], moment: str) -> None:
    stumbling = instrument(clumsy(error), trains=True)

    def examine(setup: TrainingSetup) -> None:
        if issubclass(error, Exception):  # what was measured before it is kept, and says why it ends there
            assert error.__name__ in stumbling(setup).stopped
        else:
            with pytest.raises(error):
                stumbling(setup)

    assert difference(straight_through("adam"), run(training("adam"), examine, moment)) == ""


def test_an_interrupt_leaves_a_report_that_vouches_for_the_session() -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        instrument(clumsy(KeyboardInterrupt), trains=True)(training("adam"))
    report = caught.value.report
    assert (report.stopped, report.proof.changes) == ("interrupted", ())
    assert report.proof.sentences()[0].startswith("your session was left as it was")


def test_an_examination_that_is_abandoned_gives_back_too() -> None:
    def examine(setup: TrainingSetup) -> None:
        watching = ROUGH["trainer"].follow(setup)
        next(watching)
        watching.close()

    assert difference(straight_through("adam"), run(training("adam"), examine)) == ""


@pytest.mark.parametrize("moment", ["between steps", "between forward and backward", "between backward and step"])
def test_a_whole_checkup_leaves_no_trace(moment: str) -> None:
    def examine(setup: TrainingSetup) -> None:
        assert checkup(setup, budget=2).proof.changes == ()

    assert difference(straight_through("adam"), run(training("adam"), examine, moment)) == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("moment", ["between steps", "between forward and backward"])
def test_a_checkup_that_ends_in_the_middle_leaves_none_either(
    error: type[BaseException], moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["nbdebug.checkup"], "LADDER", (ROUGH["noisy"], instrument(clumsy(error), trains=True), ROUGH["trainer"]))

    def examine(setup: TrainingSetup) -> None:
        with pytest.raises(error) as caught:
            checkup(setup)
        if error is KeyboardInterrupt:
            report = caught.value.report
            assert (report.stopped, len(report.parts), report.proof.changes) == ("interrupted", 2, ())

    assert difference(straight_through("adam"), run(training("adam"), examine, moment)) == ""


def test_a_training_examined_at_every_moment_is_the_same_training() -> None:
    examined = run(training("adamw"), examination("trainer"), "always")
    assert difference(straight_through("adamw"), examined) == ""


def test_the_twins_would_notice() -> None:
    def examine(setup: TrainingSetup) -> None:
        with torch.no_grad():
            setup.model(torch.zeros(4, 6, dtype=torch.int64))

    assert difference(straight_through("adam"), run(training("adam"), examine)) != ""
