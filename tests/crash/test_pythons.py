"""Errors that are no operation's, and the short answers to them."""

# ruff: noqa: B018, RET504  the lines are what is looked at

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

import nbdebug
from nbdebug.crash import Crash
from tests.crash.test_why import raised_by, told

COMPARE = "compare the shapes"


class Layer(nn.Module):
    def __init__(self, width: int) -> None:
        self.fc = nn.Linear(width, 1)


class Weight(nn.Module):
    def __init__(self) -> None:
        self.weight = nn.Parameter(torch.ones(3))


class Buffer(nn.Module):
    def __init__(self) -> None:
        self.register_buffer("mean", torch.ones(3))


class Nothing(nn.Module):
    def __init__(self) -> None:
        self.power = 2

    def forward(self, x: Tensor) -> Tensor:
        return x**self.power


class Inherits(Layer):
    pass


@pytest.mark.parametrize(
    "run, name",
    [
        (lambda: Layer(3), "Layer"),
        (lambda: Inherits(3), "Layer"),
        (Weight, "Weight"),
        (Buffer, "Buffer"),
        (lambda: Nothing()(torch.ones(3)), "Nothing"),
    ],
)
def test_a_module_without_the_init_of_nn_module(run, name):
    crash = told(run)
    assert crash.phase == "model" and crash.stopped == "" and f"{name}.__init__ does not call super().__init__()" in crash.why
    assert f"the first line of {name}.__init__" in crash.mends[0].what and "    super().__init__()" in crash.mends[0].code
    assert crash.location.line and [f.code for f in nbdebug.why(raised_by(run)).findings] == ["ND312"]


def test_a_dataclass_writes_an_init_of_its_own():
    @dataclass(eq=False)
    class Sized(nn.Module):
        layer: nn.Module

    assert "by hand, without @dataclass" in told(lambda: Sized(nn.Linear(2, 1))).mends[0].what


def test_a_stop_of_an_armed_loop_points_to_its_report():
    model, x = nn.Linear(3, 1), torch.full((2, 3), torch.nan)

    def train():
        with nbdebug.armed():
            model(x).sum().backward()

    error = raised_by(train)
    report = nbdebug.why(error)
    assert "error.report" in str(report) and "Python code" not in str(report) and report.findings == () and error.report is not None


def loss() -> Tensor:
    return (torch.ones(3, requires_grad=True) ** 2).sum()


def number():
    loss().item().backward()


def misspelt():
    torch.nn.Lnear(3, 1)


def unknown():
    torch.ones(3).numpy().foo


def nothing():
    found = print(end="")
    found.backward()


@pytest.mark.parametrize(
    "run, why, code",
    [
        (number, "the float has no 'backward'", "loss().backward()"),
        (misspelt, "the module torch.nn has no 'Lnear'", "torch.nn.Linear(3, 1)"),
        (unknown, "the ndarray has no 'foo'", ""),
        (nothing, "what backward is asked of is None", ""),
    ],
)
def test_a_name_that_is_not_there(run, why, code):
    crash = told(run)
    assert crash.why.startswith(why) and [mend.code for mend in crash.mends] == ([code] if code else [])
    assert COMPARE not in str(nbdebug.why(raised_by(run)))


def of_user_code():
    raise AttributeError("the user's own words")


def test_a_raise_of_the_users_keeps_its_words():
    crash = told(of_user_code)
    assert not crash.tensors and crash.mends == () and crash.message == "the user's own words"


# -- beside them: mends that said something else ------------------------------------------------------------------


def first(run) -> Crash:
    crash = told(run)
    assert crash.mends, crash
    return crash


def test_too_much_for_any_machine():
    kept = [loss()]

    def asks():
        big = torch.empty(10**13)
        return big, kept

    crash = first(asks)
    assert "one tensor of 36.4 TiB was asked for" in crash.why and "sizes in this line" in crash.mends[0].what and len(crash.mends) == 1


def test_the_same_loss_twice():
    def run():
        value = loss()
        value.backward()
        value.backward()

    crash = first(run)
    assert "of this very loss" in crash.why and "take one of the two lines out" in crash.mends[0].what and crash.mends[0].tried == "not tried"


def test_two_losses_that_share_a_part_are_still_two():
    def run():
        shared = torch.ones(3, requires_grad=True) ** 2
        value = shared.sum()
        value.backward()
        value = (shared * shared).sum()
        value.backward()

    assert "both losses share" in first(run).why
