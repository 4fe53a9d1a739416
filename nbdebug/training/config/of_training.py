"""How long and how the steps are done."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, model_validator

from nbdebug.training.config.metric_names import better
from nbdebug.training.config.section import Section
from nbdebug.training.config.values import (
    Count,
    CountOrNone,
    Every,
    Flag,
    NotNegative,
    Positive,
    Wrong,
    flag,
    number,
    one_of,
    shown,
)
from nbdebug.training_setup import ALIASES, PRECISIONS

EMA_DECAY = 0.999  # of `ema: true`; a memory of about 1000 steps, as in timm's examples
PRECISION_WORDS = {"no": "32-true", "none": "32-true", "half": "16-mixed", "mixed": "bf16-mixed", "amp": "bf16-mixed"}
HELD_OUT = ("val_", "val/", "valid_", "validation_", "eval_", "test_")  # what is monitored is the validation's value anyway


def monitored(value: Any) -> Any:
    """The name of a validation's value, without the prefix that others give it."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"must be the name of a metric or \"loss\", got {shown(value)}")
    return next((value[len(prefix) :] for prefix in HELD_OUT if value.startswith(prefix)), value)


def precision(value: Any) -> Any:
    """Lightning's words, torch's, and those of accelerate; "no" is false to YAML."""
    if isinstance(value, bool):
        return "bf16-mixed" if value else "32-true"
    return one_of(*PRECISIONS, also={**ALIASES, **PRECISION_WORDS})(value)


def _ema(value: Any) -> Any:
    return {True: EMA_DECAY, False: None}[value] if isinstance(value, bool) else value if value is None else number(above=0, below=1)(value)


def _blocks(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return list(value)
    if isinstance(value, str) and value.lower() not in ("true", "false", "yes", "no", "on", "off"):
        return [value]
    try:
        return flag(value)
    except ValueError:
        raise ValueError(f"must be true, false or a list of names of modules, got {shown(value)}") from None


Monitor = Annotated[str, BeforeValidator(monitored)]
Direction = Annotated[str, BeforeValidator(one_of("min", "max", also={"minimize": "min", "maximize": "max", "lower": "min", "higher": "max"}))]
Precision = Annotated[str, BeforeValidator(precision)]


class EarlyStopping(Section):
    """When to end before the end: `early_stopping: 5` is a patience of 5."""

    word: ClassVar[str] = "patience"

    monitor: Monitor = "loss"  # of the validation; a name of `metrics`, or the loss
    mode: Direction = "min"  # by the name of what is monitored, where it is not said
    patience: CountOrNone = 5  # validations in a row without a better value, after which it ends; as in Keras and Lightning
    min_delta: NotNegative = 0.0  # less than this is not better; in the units of the value

    @model_validator(mode="before")
    @classmethod
    def _direction(cls, told: Any) -> Any:
        return {**told, "mode": better(str(told.get("monitor", "loss")))} if isinstance(told, dict) and told.get("mode") is None else told


def _early(value: Any) -> Any:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


class Training(Section):
    """`epochs` or `max_steps`; with neither it is one epoch."""

    epochs: Count | None = 1
    max_steps: Count | None = None  # optimizer steps; None: as many as the epochs have
    precision: Precision | None = None  # None: the setup's own
    accumulate: Count = 1  # batches of a rank that make one optimizer step
    clip_norm: Positive | None = None  # of all gradients together
    clip_value: Positive | None = None  # of each element
    validate_every: Every = 1  # epochs
    validate_every_steps: Every = None  # optimizer steps
    checkpoint_activations: Annotated[bool | list[str], BeforeValidator(_blocks)] = False  # true: blocks are chosen; or names of modules
    ema: Annotated[float | None, BeforeValidator(_ema)] = None  # decay of an average of the weights
    early_stopping: Annotated[EarlyStopping | None, BeforeValidator(_early)] = None
    sync_batch_norm: Flag = False
    fast_dev_run: Flag = False  # one step of everything
    find_unused_parameters: Flag = False
    static_graph: Flag = False
    bucket_mb: Positive = 25.0  # of DDP's all-reduce; torch's own default

    @model_validator(mode="before")
    @classmethod
    def _length(cls, told: Any) -> Any:
        if not isinstance(told, dict):
            return told
        told = dict(told)
        if told.get("epochs") is not None and told.get("max_steps") is not None:
            raise Wrong("max_steps", f"and epochs ({told['epochs']}) both say how long: say one of them")
        if told.get("epochs") is None:
            told["epochs"] = None if told.get("max_steps") is not None else 1
        if told.get("validate_every_steps"):
            told.setdefault("validate_every", None)
        return told
