"""Metrics by name: torchmetrics' own, made to fit the task, fed with what the loss compares, and gathered over the ranks.

A metric is made when the first outputs and targets are seen, since only they tell how many classes there are. A rank that has seen none
(an uneven end of the validation) makes the same one when the values are gathered, so that no rank waits for another.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from nbdebug.errors import ConfigError, first_line
from nbdebug.training.config import RunConfig
from nbdebug.training.config.metric_names import NAMES
from nbdebug.training.trainer.task import OF_NUMBERS, TASKED, Task, compared, task_of
from nbdebug.training_setup import TrainingSetup

if TYPE_CHECKING:
    from torchmetrics import Metric

USUAL = {  # what torchmetrics' own default would not give: accuracy is the share of right samples, the others look at each class alike
    "Accuracy": "micro", "F1Score": "macro", "Precision": "macro", "Recall": "macro", "Specificity": "macro", "AUROC": "macro",
    "AveragePrecision": "macro", "JaccardIndex": "macro", "FBetaScore": "macro",
}  # fmt: skip

EACH_APART = ("PearsonCorrCoef", "SpearmanCorrCoef", "KendallRankCorrCoef", "ConcordanceCorrCoef")  # of several numbers they give one each


class Metrics:
    """All that `metrics` of the configuration names.

    Args:
        setup: whose loss tells what the outputs mean.
        group: of `torch.distributed`, over which objects can be sent; None: the default one, where there is one.
    """

    def __init__(self, config: RunConfig, setup: TrainingSetup, group: Any = None) -> None:
        self._config, self._setup, self._group = config.metrics, setup, group
        self._task: Task | None = None
        self._made: dict[str, Metric] = {}

    def __call__(self, outputs: Any, targets: Any) -> None:
        """The outputs and targets of one batch.

        Raises:
            ConfigError: a metric does not fit to them.
        """
        self.update(outputs, targets)

    @torch.no_grad()
    def update(self, outputs: Any, targets: Any) -> None:
        seen = compared(self._setup, outputs, targets)
        if seen is None:
            raise ConfigError(f"metrics {', '.join(self._config)} cannot be measured: outputs and targets of a batch are not known apart (batch_loss=)")
        if self._task is None:
            self._task = task_of(self._setup, *seen, classes=any(_meant(name, told)[0] in TASKED for name, told in self._config.items()))
            self._make(seen[0].device)
        predictions, truth = self._task.ready(*seen)
        for name, metric in self._made.items():
            try:
                metric.update(*self._task.fed(type(metric).__name__, predictions, truth))
            except (TypeError, ValueError, RuntimeError, IndexError) as error:
                raise ConfigError(f"metrics.{name} does not fit to {self._task.said}: {first_line(error)}") from error

    def compute(self) -> dict[str, float]:
        """The values over all batches of all ranks; every rank must call it."""
        self._agree()
        found: dict[str, float] = {}
        for name, metric in self._made.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that this rank, or class, had no sample
                value = metric.compute()
            parts = value if isinstance(value, Mapping) else {"": value}
            for part, tensor in parts.items():
                found |= _numbers(f"{name}_{part}" if part else name, torch.as_tensor(tensor))
        return found

    def reset(self) -> None:
        for metric in self._made.values():
            metric.reset()

    def _agree(self) -> None:
        if not _several():
            return
        tasks: list[Task | None] = [None] * dist.get_world_size(self._group)
        dist.all_gather_object(tasks, self._task, group=self._group)
        if self._task is None and (known := next(filter(None, tasks), None)) is not None:
            self._task = known
            self._make(torch.device(self._setup.device or "cpu"))

    def _make(self, device: torch.device) -> None:
        assert self._task is not None
        for name, options in self._config.items():
            metric = self._of_name(name, dict(options)).to(device)
            metric.dist_sync_fn, metric.distributed_available_fn = self._gathered, _several
            self._made[name] = metric

    def _of_name(self, name: str, options: dict[str, Any]) -> Metric:
        import torchmetrics

        task = self._task
        assert task is not None
        kind, options = _meant(name, options)
        homes = (torchmetrics.classification, torchmetrics.regression, torchmetrics.text, torchmetrics)  # the last has deprecated twins of some
        cls = next(getattr(home, kind) for home in homes if hasattr(home, kind))
        if kind in TASKED:
            if task.kind == "regression":
                raise ConfigError(f"metrics.{name} is a metric of classes, and the task is a regression: {task.said}")
            options = {"task": task.kind, **task.sizes, **options}
            if kind in USUAL and task.kind != "binary":
                options.setdefault("average", USUAL[kind])
        elif kind in OF_NUMBERS and task.kind in ("multiclass", "binary") and task.classes != 1:
            raise ConfigError(f"metrics.{name} is a metric of numbers, and the task has classes: {task.said}")
        if kind in EACH_APART and task.kind == "regression" and task.classes > 1:
            options.setdefault("num_outputs", task.classes)
        try:
            return cls(**options)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"metrics.{name} cannot be made: {first_line(error)}") from error

    def _gathered(self, tensor: Tensor, group: Any = None) -> list[Tensor]:
        """A state of every rank; one that has none gives nothing, in the shape of the others."""
        every: list[Any] = [None] * dist.get_world_size(self._group)
        dist.all_gather_object(every, tensor.detach().cpu(), group=self._group)
        like = next((one for one in every if one.numel()), tensor)
        nothing = tensor.new_empty((0, *like.shape[1:]))
        return [(one.to(tensor.device) if one.numel() or one.ndim == 0 else nothing).to(like.dtype) for one in every]


def _meant(name: str, told: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The class of torchmetrics that a name stands for, and its options."""
    word = str(told.get("type", name))
    kind, usual = NAMES.get(word.lower(), (word, {}))
    return kind, {**usual, **{option: value for option, value in told.items() if option != "type"}}


def _several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _numbers(name: str, value: Tensor) -> dict[str, float]:
    """One number under its name; of several each with its place."""
    if value.numel() == 1:
        return {name: float(value)}
    return {f"{name}_{place}": float(one) for place, one in enumerate(value.flatten().tolist()) if not math.isnan(one)}
