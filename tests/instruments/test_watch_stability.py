"""What it takes to say that a loss bounces, or that a rate which is raised again and again undoes what was learnt."""

from __future__ import annotations

import random

import pytest

from nbdebug.instruments.watch.checks import stability
from nbdebug.instruments.watch.reading.learning import Loss, losses
from nbdebug.instruments.watch.result import Constant, Loader, WatchResult
from tests.instruments.watch_results import line, loop, track

EPOCH = 32


def _of(values: list[float], rates: list[float], constants: list[float] | None = None) -> tuple[WatchResult, Loss]:
    """A loop with these losses, rates and losses of a constant prediction on the same targets."""
    calls = tuple((step, loss, constant) for step, (loss, constant) in enumerate(zip(values, constants or [1.0] * len(values), strict=True)))
    result = WatchResult(
        len(values), 1, 1.0, None, loop(len(values)), tracks={"loss": track("loss", values), "learning rate": track("learning rate", rates)},
        constants=(Constant("mse_loss", 1.0, len(values), calls),),
        loaders=(Loader("train_loader", EPOCH, 16, {"16": len(values)}, len(values) // EPOCH, line(2), True, samples=16 * EPOCH),),
    )  # fmt: skip
    (loss,) = losses(result)
    return result, loss


def _learnt_and_lost(times: int) -> list[float]:
    return ([1.0] * 20 + [0.1] * 20) * times + [1.0] * 20


@pytest.mark.parametrize(("rate", "accused"), [(lambda step: 0.1 if step // 20 % 2 == 0 else 0.01, True), (lambda step: 0.1 * 0.98**step, False)])
def test_a_rate_undoes_what_was_learnt_where_it_was_raised(rate, accused):
    values = _learnt_and_lost(4)
    assert (stability.undone(*_of(values, [rate(step) for step in range(len(values))])) is not None) == accused


@pytest.mark.parametrize("goes_with", [True, False])
def test_a_loss_that_goes_up_and_down_with_its_targets_does_not_bounce(goes_with):
    draw = random.Random(0)
    constants = [draw.uniform(0.5, 2.0) for _ in range(120)]
    values = [(0.95 * constant if goes_with else draw.uniform(0.5, 2.0)) * draw.uniform(0.95, 1.05) for constant in constants]
    _, loss = _of(values, [0.1] * 120, constants)
    assert stability._goes_with_targets(loss) == goes_with


@pytest.mark.parametrize(("ends", "accused"), [(30.0, True), (0.05, False)])
def test_known_data_on_which_all_was_lost_twice_are_not_called_new(ends, accused):
    values = [1.0 - 0.95 * min(1.0, step / 60) for step in range(230)] + [20.0] * 40 + [0.05] * 12 + [ends] * 12
    result, loss = _of(values, [0.1] * len(values))
    found = list(stability.curve_shapes.thrown_back(loss.values))
    assert stability._is_of_known_data(result, loss, found) == accused
