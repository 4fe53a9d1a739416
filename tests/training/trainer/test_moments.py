"""When checkpoints are due."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from nbdebug.training import checkpoint
from nbdebug.training.config import Checkpoint, read_config
from nbdebug.training.folder import RunFolder
from nbdebug.training.rank.context import Context
from nbdebug.training.trainer.moments import Moments, Seconds
from nbdebug.training.trainer.together import Together
from tests.training.trainer import ranks


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_seconds_are_looked_at_rarely_and_met_nearly(tmp_path: Path) -> None:
    clock, together = Clock(), Together(Context.alone(read_config(), tmp_path))
    looks: list[int] = []
    together.largest = lambda *numbers: looks.append(1) or list(numbers)  # type: ignore[method-assign]
    seconds, due = Seconds(60.0, together, clock), []
    for step in range(1, 10_001):
        clock.now += 0.02
        if seconds.due(step):
            due.append(clock.now)
    assert [round(b - a, 1) for a, b in zip([0.0, *due], due, strict=False)] == [60.0] * 3
    assert len(looks) < 150


def test_steps_and_epochs(tmp_path: Path) -> None:
    moments = Moments(Checkpoint(every_steps=3, every_epochs=2), Together(Context.alone(read_config(), tmp_path)))
    assert [step for step in range(1, 8) if moments.after_step(step)] == [3, 6]
    assert [epoch for epoch in range(1, 5) if moments.after_epoch(epoch)] == [2, 4] and moments.wanted
    assert not Moments(Checkpoint(every_epochs=None), Together(Context.alone(read_config(), tmp_path))).wanted


def test_the_next_moment_is_known(tmp_path: Path) -> None:
    moments = Moments(Checkpoint(every_steps=3, every_epochs=2), Together(Context.alone(read_config(), tmp_path)))
    assert [moments.next(step) for step in (0, 1, 2, 3, 4)] == [3, 3, 3, 6, 6]
    assert Moments(Checkpoint(), Together(Context.alone(read_config(), tmp_path))).next(7) > 10**9


def test_a_training_asks_for_seconds_and_steps_when_they_are_due(tmp_path: Path) -> None:
    ranks.alone(ranks.plain, tmp_path / "seconds", epochs=8, **{"checkpoint.every_seconds": 0.02, "checkpoint.every_epochs": None})
    why = [event["why"] for event in ranks.said(tmp_path / "seconds", "checkpoint")]
    assert why.count("every_seconds") > 1 and set(why) <= {"every_seconds", "end"}
    ranks.alone(ranks.plain, tmp_path / "steps", max_steps=11, **{"checkpoint.every_steps": 4, "training.validate_every_steps": 5})
    assert [event["step"] for event in ranks.said(tmp_path / "steps", "checkpoint")] == [4, 8, 11]
    assert [event["step"] for event in ranks.said(tmp_path / "steps", "validation")] == [5, 10, 11]


def own_loop(setup: Any, context: Context) -> None:
    """A train_fn as a user writes it."""
    model = context.wrap(setup.model)
    optimizer, loader = torch.optim.SGD(setup.model.parameters(), 0.1), context.loader(setup.train_loader)
    step, first = 0, 0
    if context.resume is not None:
        step, first = context.resume["step"], context.resume["epoch"]
        setup.model.load_state_dict(context.resume["model"])
        loader.load_state_dict(context.resume["loader"])
    for epoch in range(first, 2):
        for inputs, targets in loader:
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step == 5 and context.resume is None:
                context.checkpoint({"step": step, "epoch": epoch, "model": setup.model.state_dict(), "loader": loader.state_dict()}, step)
    if context.is_main:
        checkpoint.write(context.folder.weights, setup.model.state_dict())


def without_dropout() -> Any:
    setup = ranks.plain()
    setup.model[2].p = 0.0
    return setup


def test_a_loop_of_the_user_s_own_is_gone_on_with_too(tmp_path: Path) -> None:
    ranks.together(2, without_dropout, tmp_path / "whole", job=own_loop)
    ranks.together(2, without_dropout, tmp_path / "rest", resume=checkpoint.newest(RunFolder(tmp_path / "whole")).path, job=own_loop)
    ranks.assert_equal(ranks.weights(tmp_path / "whole"), ranks.weights(tmp_path / "rest"))
