"""The whole configuration of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from nbdebug.training.config.metric_names import better, named_metrics
from nbdebug.training.config.of_data import Data
from nbdebug.training.config.of_keeping import Checkpoint, Log, Watch
from nbdebug.training.config.of_launch import Launch
from nbdebug.training.config.of_learning import Loss, Optimizer, Scheduler
from nbdebug.training.config.of_training import Training
from nbdebug.training.config.section import Section
from nbdebug.training.config.values import Flag, Plain, Text, did_you_mean, flag, one_of, text, whole

COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def _compile(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _compile_options(value)
    return one_of(*COMPILE_MODES)(value) if isinstance(value, str) and value.lower() not in ("true", "false") else flag(value)


def _compile_options(value: Mapping[str, Any]) -> dict[str, Any]:
    """As torch.compile takes them."""
    read = {"backend": text, "mode": one_of(*COMPILE_MODES), "dynamic": flag, "fullgraph": flag}
    if unknown := [str(name) for name in value if name not in read]:
        raise ValueError(f"has no {unknown[0]}{did_you_mean(unknown[0], read)}: it takes {', '.join(read)}")
    found = {}
    for name, item in value.items():
        try:
            found |= {} if item is None else {name: read[name](item)}
        except ValueError as error:
            raise ValueError(f"holds {name}, which {error}") from None
    return found


def _directed(told: dict[str, Any], metrics: dict[str, Any]) -> dict[str, Any]:
    options = metrics.get(told.get("monitor"))
    if told.get("mode") is not None or not isinstance(options, dict) or "type" not in options:
        return told
    return {**told, "mode": better(str(options["type"]))}


class RunConfig(Section):
    """Frozen, complete, and the same again after `read_config(config.to_yaml())`."""

    name: Text = ""
    seed: Annotated[int, BeforeValidator(whole(0, 2**32 - 1))] = 0
    deterministic: Flag = False
    compile: Annotated[bool | str | dict[str, Any], BeforeValidator(_compile)] = False  # true, a mode of torch.compile, or {backend, mode, dynamic, fullgraph}
    training: Training = Training()
    data: Data = Data()
    loss: Loss | None = None  # None: the setup's own, as it is
    model: Plain = {}  # options that a factory gets
    optimizer: Optimizer | None = None  # None: the setup's own, as it is
    scheduler: Scheduler | None = None  # None: the setup's own, as it is
    metrics: Annotated[dict[str, dict[str, Any]], BeforeValidator(named_metrics)] = {}  # name → options, of torchmetrics
    checkpoint: Checkpoint = Checkpoint()
    log: Log = Log()
    watch: Watch = Watch()
    launch: Launch = Launch()

    @model_validator(mode="before")
    @classmethod
    def _counted_in(cls, told: Any) -> Any:
        """T_max counts epochs, as in torch's examples, unless the training is measured in steps."""
        scheduler = told.get("scheduler") if isinstance(told, dict) else None
        if isinstance(scheduler, dict) and scheduler.get("T_max") is not None and scheduler.get("interval") is None:
            training = told.get("training")
            by_steps = isinstance(training, dict) and training.get("max_steps") is not None
            return {**told, "scheduler": {**scheduler, "interval": "step" if by_steps else "epoch"}}
        return told

    @model_validator(mode="before")
    @classmethod
    def _better(cls, told: Any) -> Any:
        """A metric under a name of the user's own is better the way of its type."""
        metrics = told.get("metrics") if isinstance(told, dict) else None
        if isinstance(metrics, list):
            metrics = {name: options for entry in metrics if isinstance(entry, dict) for name, options in entry.items()}
        if not isinstance(metrics, dict):
            return told
        training, checkpoint = told.get("training"), told.get("checkpoint")
        if isinstance(training, dict) and isinstance(training.get("early_stopping"), dict):
            told = {**told, "training": {**training, "early_stopping": _directed(training["early_stopping"], metrics)}}
        return {**told, "checkpoint": _directed(checkpoint, metrics)} if isinstance(checkpoint, dict) else told

    def to_yaml(self) -> str:
        """Everything, also what nobody said, as a YAML text that `read_config` takes."""
        from nbdebug.training.config.yaml_text import written

        return written(self.model_dump())
