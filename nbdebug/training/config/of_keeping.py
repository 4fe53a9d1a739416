"""What is kept of a run, and what is watched while it goes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, model_validator

from nbdebug.training.config.metric_names import better
from nbdebug.training.config.of_training import Direction, Monitor
from nbdebug.training.config.section import Section
from nbdebug.training.config.values import (
    Count,
    CountOrNone,
    Every,
    Flag,
    Fraction,
    Text,
    every,
    number,
    one_of,
)


def _limit(usual: float) -> BeforeValidator:
    """A limit above 0; true is the usual one, false and 0 are none."""

    def read(value: Any) -> Any:
        if isinstance(value, bool) or value is None:
            return usual if value else None
        return number(least=0)(value) or None

    return BeforeValidator(read)


class Checkpoint(Section):
    """When the whole state is written, and which of the files stay."""

    every_steps: Every = None
    every_epochs: Every = 1
    every_seconds: Annotated[float | None, _limit(600.0)] = None
    keep_last: Count = 3
    keep_best: CountOrNone = 1
    keep_every: Every = None  # each n-th that is written stays for good
    monitor: Monitor = "loss"  # of the validation; what is best
    mode: Direction = "min"  # by the name of what is monitored, where it is not said
    on_stop: Flag = True

    @model_validator(mode="before")
    @classmethod
    def _unsaid(cls, told: Any) -> Any:
        if not isinstance(told, dict):
            return told
        told = {**told, "mode": told.get("mode") or better(str(told.get("monitor", "loss")))}
        if told.get("every_steps"):
            told.setdefault("every_epochs", None)
        return told


class MLflow(Section):
    """Where MLflow keeps the run: `mlflow: sqlite:///runs.db`."""

    word: ClassVar[str] = "uri"

    uri: Text | None = None  # None: an SQLite store beside the runs, mlflow.db
    experiment: Text = "nbdebug"


def _mlflow(value: Any) -> Any:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


class Log(Section):
    """What is written down while the training goes on."""

    every_steps: Count = 10  # optimizer steps between training values
    tensorboard: Flag = True
    mlflow: Annotated[MLflow | None, BeforeValidator(_mlflow)] = None
    gradient_norm: Flag = False  # beside the loss; without clipping it costs a pass over the gradients


def _layers(value: Any) -> Any:
    """How often layers are looked at: auto, every so many steps, or never."""
    if value is True or (isinstance(value, str) and value.strip().lower() == "auto"):
        return "auto"
    return every(None if isinstance(value, str) and value.strip().lower() == "off" else value)


class Watch(Section):
    """What is looked at in the ranks; what is None or 0 is not watched, and with `watch: off` nothing is."""

    layers: Annotated[int | str | None, BeforeValidator(_layers)] = "auto"  # steps between looks at every layer of rank 0; auto: as 2 % of the time allow
    every_steps: Every = 50  # steps between looks at all weights, and between comparisons of the ranks' times
    find_nan: Flag = True  # a loss, gradient or weight that is not finite
    on_nan: Annotated[str, BeforeValidator(one_of("stop", "skip"))] = "stop"  # skip: the update is left out, and the training goes on
    gradient_norm: Annotated[float | None, _limit(100.0)] = None  # the largest that is endured
    loss_spike: Annotated[float | None, _limit(10.0)] = 10.0  # over the median of late steps, in their own spread
    straggler: Annotated[float | None, _limit(2.0)] = 2.0  # a rank's own time for a step over the median of the ranks'
    starved: Annotated[Fraction | None, _limit(0.5)] = 0.5  # share of the time in which a rank waits for data
    digest_every: Every = 500  # steps between comparisons of the ranks' weights

    @model_validator(mode="before")
    @classmethod
    def _off(cls, told: Any) -> Any:
        """`watch: off`, which YAML reads as false; `watch: on` is what it is without a word."""
        if told is True or told is False or (isinstance(told, str) and told.strip().lower() in ("on", "off")):
            on = told is True or str(told).strip().lower() == "on"
            return {} if on else {name: False for name in cls.model_fields if name not in ("on_nan",)}
        return told
