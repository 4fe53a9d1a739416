"""Each keeper against the mess it is for: with it nothing changes, without it the proof names the change."""

from __future__ import annotations

import random
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from nbdebug import SetupError, TrainingSetup
from nbdebug.untouched import keepers, untouched
from nbdebug.untouched.digest import differences, digest
from nbdebug.untouched.walk import session_of
from tests.untouched.borrowing import after, forward, train, training

pytestmark = pytest.mark.filterwarnings("ignore")


def add_hooks(setup: TrainingSetup) -> None:
    setup.model.head.register_forward_hook(lambda *_: None)


def draw(setup: TrainingSetup) -> None:
    random.random(), np.random.rand(), torch.rand(1)


def set_stance(setup: TrainingSetup) -> None:
    torch.compiler.set_stance("fail_on_recompile")


def change_settings(setup: TrainingSetup) -> None:
    torch.set_grad_enabled(False)
    warnings.simplefilter("error")
    np.seterr(over="raise")


MESSES: dict[str, tuple[Callable[[TrainingSetup], Any], bool, list[str]]] = {  # keeper → mess, trains, what is named
    "process_settings": (
        change_settings, False, ["global: grad mode", "global: warning filters", "global: NumPy error handling"],
    ),
    "modes": (lambda s: s.model.eval(), False, ["mode body.2"]),
    "buffers": (forward, False, ["buffer body.1.running_mean"]),
    "attributes": (forward, False, ["attributes of model (seen)", "content of history[0]", "content of memory"]),
    "hooks": (add_hooks, False, ["hooks of head"]),
    "gradients": (lambda s: s.model.zero_grad(), False, ["gradient body.0.weight"]),
    "requires_grad": (lambda s: s.model.requires_grad_(False), False, ["requires_grad head.bias"]),
    "weights": (train, True, ["weight head.weight"]),
    "optimizers": (train, True, ["optimizer Adam state", "optimizer Adam groups"]),
    "schedulers": (train, True, ["scheduler StepLR (last_epoch"]),
    "scalers": (train, True, ["scaler ("]),
    "random_state": (draw, False, ["random state: Python", "random state: NumPy", "random state: torch"]),
    "compiler": (set_stance, False, ["global: compiler stance"]),
}  # fmt: skip


@pytest.fixture
def _same_process() -> Iterator[None]:
    filters, handling = list(warnings.filters), np.geterr()
    yield
    warnings.filters[:] = filters
    np.seterr(**handling)
    torch.set_grad_enabled(True)
    torch.compiler.set_stance("default")


def test_every_keeper_has_its_mess() -> None:
    assert [keeper.__name__ for keeper in keepers.KEEPERS] == list(MESSES)


@pytest.mark.usefixtures("_same_process")
@pytest.mark.parametrize("name", MESSES)
def test_with_the_keeper_nothing_changes(name: str) -> None:
    mess, trains, _ = MESSES[name]
    assert after(training(), mess, weights=trains).changes == ()


@pytest.mark.usefixtures("_same_process")
@pytest.mark.parametrize("name", MESSES)
def test_without_the_keeper_the_proof_names_the_change(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mess, trains, named = MESSES[name]
    left = tuple(keeper for keeper in keepers.KEEPERS if keeper.__name__ != name)
    monkeypatch.setattr(keepers, "KEEPERS", left)
    proof = after(training(), mess, weights=trains)
    assert all(any(change.startswith(name) for change in proof.changes) for name in named), proof.changes
    assert proof.sentences()[0].startswith("your session was CHANGED: ")


def test_one_undo_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: Any) -> Callable[[], None]:
        def undo() -> None:
            raise RuntimeError("lost it")

        return undo

    monkeypatch.setattr(keepers, "KEEPERS", (*keepers.KEEPERS[:3], broken, *keepers.KEEPERS[3:]))
    proof = after(training(), train, weights=True)
    assert proof.changes == ("broken could not be given back (lost it)",)


def test_a_keeper_that_cannot_borrow_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(session: Any) -> Callable[[], None]:
        raise torch.OutOfMemoryError("no memory for a copy")

    setup = training()
    before = digest(session_of(setup, weights=False))
    monkeypatch.setattr(keepers, "KEEPERS", (*keepers.KEEPERS, full))
    with pytest.raises(SetupError, match="full could not be put aside, so nothing was examined: no memory for a copy"):
        after(setup, forward)
    assert differences(before, digest(session_of(setup, weights=False))) == ()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As in a kernel, whatever ran in this process before."""
    mask, handler = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT}), signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_giving_back_waits_until_all_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(session: Any) -> Callable[[], None]:
        return lambda: signal.raise_signal(signal.SIGINT)

    setup = training()
    before = digest(session_of(setup, weights=False))
    monkeypatch.setattr(keepers, "KEEPERS", (*keepers.KEEPERS, impatient))
    borrowed = untouched(setup, weights=True)
    with pytest.raises(KeyboardInterrupt), borrowed:
        train(setup)
    assert borrowed.proof.changes == ()
    assert differences(before, digest(session_of(setup, weights=False))) == ()
