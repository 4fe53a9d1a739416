"""Alarms that the user set himself."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.findings import WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched


@watched.check("ND900", "an alarm that you set", severity=WARNING, advice="look at the step and the tensors around it")
def own_alarm(result: WatchResult) -> Iterator[Seen]:
    """A threshold or a check of yours was tripped while the loop ran.

    Wrong: what you asked to be told about.
    Seen: `max_gradient_norm=` was passed at a sampled step, or your `each_step=` returned a sentence.
    Where: the steps; a place if your check named one.
    Try: look at the histories around the first of these steps.
    Bad:
        with nbdebug.watch(live=False, each_step=lambda step: "loss above 1" if step.loss > 1 else None) as watch:
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Good:
        with nbdebug.watch(live=False, each_step=lambda step: "loss above 99" if step.loss > 99 else None) as watch:
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Source: your own.
    """
    for alarm in result.alarms:
        span = f"step {alarm.first}" if alarm.first == alarm.last else f"steps {alarm.first} to {alarm.last}"
        yield Seen(f"{alarm.message} ({span}, {alarm.times} times)", alarm.place, {"first": alarm.first, "last": alarm.last, "times": alarm.times})
