"""Alarms that the user sets: a threshold, a check of his own after each step, and numbers of his own in the curves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nbdebug
from nbdebug.errors import SetupError
from nbdebug.findings import Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.alarms import MOST, Alarms
from nbdebug.instruments.watch.recorder import Step


def at(step: int, *, norm: float | None = None, loss: float = 1.0) -> Step:
    return Step(step, loss, norm, 0.1, 0.001, norm is not None)


def train(steps: int = 4) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(model(torch.ones(4, 3)), torch.zeros(4, 1)).backward()
        optimizer.step()


def own_alarms(watch: nbdebug.Watch) -> list[str]:
    return [finding.message for finding in watch.report().findings if finding.code == "ND900"]


def test_a_threshold_says_how_often_it_was_passed_and_by_how_much():
    alarms = Alarms(2.0, None)
    for step, norm in enumerate([1.0, 3.0, 2.0, 5.0, None]):
        alarms.judge(at(step, norm=norm))
    (alarm,) = alarms.plain()
    assert (alarm.first, alarm.last, alarm.times) == (1, 3, 2)
    assert alarm.message == "the gradient norm was above your limit of 2 at 2 steps, at most 5"


@pytest.mark.parametrize("norms", [[math.nan, 3.0], [3.0, math.inf], [math.inf, math.nan]])
def test_a_norm_that_is_not_finite_is_above_every_limit(norms):
    alarms = Alarms(2.0, None)
    for step, norm in enumerate(norms):
        alarms.judge(at(step, norm=norm))
    (alarm,) = alarms.plain()
    assert alarm.times == 2
    assert "not finite" in alarm.message


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan])
def test_a_limit_that_nothing_can_keep_is_refused(limit):
    with pytest.raises(SetupError, match="positive"):
        nbdebug.watch(max_gradient_norm=limit)


def test_a_check_that_cannot_be_called_is_refused():
    with pytest.raises(SetupError, match="callable, got str"):
        nbdebug.watch(each_step="loss > 3")


def test_equal_sentences_are_one_alarm_with_its_steps():
    alarms = Alarms(None, lambda step: "the loss is high" if step.loss > 1 else None)
    for step, loss in enumerate([0.5, 2.0, 2.0, 0.5, 3.0]):
        alarms.judge(at(step, loss=loss))
    (alarm,) = alarms.plain()
    assert (alarm.message, alarm.first, alarm.last, alarm.times) == ("the loss is high", 1, 4, 3)


def test_a_check_may_say_several_things_or_name_a_place():
    place = Location(parameter="0.weight")
    alarms = Alarms(None, lambda step: ["one", Seen("two", place)])
    alarms.judge(at(0))
    assert [(alarm.message, alarm.place) for alarm in alarms.plain()] == [("one", Location()), ("two", place)]


@pytest.mark.parametrize("answer", [None, False, [], ""])
def test_a_check_that_has_nothing_to_say_raises_no_alarm(answer):
    alarms = Alarms(None, lambda step: answer)
    alarms.judge(at(0))
    assert alarms.plain() == ()


def test_a_check_may_answer_with_a_comparison_alone():
    alarms = Alarms(None, lambda step: step.loss > 1)
    for step, loss in enumerate([0.5, 2.0]):
        alarms.judge(at(step, loss=loss))
    assert [(alarm.message, alarm.first) for alarm in alarms.plain()] == [("your each_step check returned True", 1)]


def test_a_check_that_answers_with_a_number_is_told_what_is_expected():
    with pytest.raises(SetupError, match="got float"), nbdebug.watch(live=False, each_step=lambda step: step.loss):
        train(2)


def test_a_check_with_a_new_sentence_at_every_step_does_not_fill_the_memory():
    alarms = Alarms(None, lambda step: f"step {step.step}")
    for step in range(3 * MOST):
        alarms.judge(at(step))
    assert len(alarms.plain()) == MOST


def test_the_report_shows_what_the_users_check_said_and_when():
    with nbdebug.watch(live=False, each_step=lambda step: "too long" if step.step >= 2 else None) as watch:
        train(5)
    assert own_alarms(watch) == ["too long (steps 2 to 4, 3 times)"]


def test_a_check_gets_every_step_with_its_numbers():
    steps: list[Step] = []
    with nbdebug.watch(live=False, every=1, each_step=steps.append):
        train(4)
    assert [step.step for step in steps] == [0, 1, 2, 3]
    assert all(step.loss > 0 and step.gradient_norm > 0 and step.learning_rate == 0.1 and step.seconds > 0 for step in steps)
    assert steps[0].loss > steps[3].loss


def test_a_check_gets_every_step_of_a_loop_that_is_known_by_heart():
    steps: list[Step] = []
    with nbdebug.watch(live=False, every=40, each_step=steps.append):
        train(100)
    assert [step.step for step in steps] == list(range(100))


def test_a_step_that_was_not_sampled_has_no_gradient_norm():
    steps: list[Step] = []
    with nbdebug.watch(live=False, every=3, each_step=steps.append):
        train(4)
    assert [step.sampled for step in steps] == [True, False, False, True]
    assert [step.gradient_norm is None for step in steps] == [False, True, True, False]


def test_the_gradient_norm_of_the_threshold_is_that_of_all_parameters_together():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    F.mse_loss(model(torch.ones(2, 3)), torch.zeros(2, 1)).backward()
    norm = math.sqrt(sum(float(p.grad.pow(2).sum()) for p in model.parameters()))

    def step() -> None:
        optimizer.zero_grad()
        F.mse_loss(model(torch.ones(2, 3)), torch.zeros(2, 1)).backward()
        optimizer.step()

    with nbdebug.watch(live=False, max_gradient_norm=norm * 1.001) as above:
        step()
    with nbdebug.watch(live=False, max_gradient_norm=norm * 0.999) as below:
        step()
    assert own_alarms(above) == []
    assert len(own_alarms(below)) == 1


def test_an_error_in_the_users_check_reaches_him_and_the_taps_are_off():
    def check(step: Step) -> None:
        raise KeyError("mine")

    call = nn.Module.__call__
    with pytest.raises(KeyError, match="mine"), nbdebug.watch(live=False, each_step=check):
        train(4)
    assert nn.Module.__call__ is call
    with nbdebug.watch(live=False):  # the one before is closed
        train(1)


def test_numbers_of_ones_own_become_curves():
    with nbdebug.watch(live=False) as watch:
        for accuracy in (0.25, 0.5):
            train(2)
            watch.log(accuracy=accuracy, samples=torch.tensor(8))
    tracks = watch.result().tracks
    assert tracks["accuracy"].values == (0.25, 0.5)
    assert tracks["samples"].values == (8.0, 8.0)
    assert tracks["accuracy"].steps[0] < tracks["accuracy"].steps[1]


def test_what_is_no_number_is_not_logged():
    with nbdebug.watch(live=False) as watch, pytest.raises(SetupError, match="accuracy=str"):
        watch.log(accuracy="high")
