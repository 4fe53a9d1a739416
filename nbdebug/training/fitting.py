"""Whether a setup can be trained by ranks at all, and go on from the checkpoint that it is given: said before a process starts, where it can be seen here."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.optim.lr_scheduler import OneCycleLR

from nbdebug.errors import CheckpointError, LaunchError
from nbdebug.training_setup import TrainingSetup

NAMED = 4  # in a message


def demand_trainable(setup: TrainingSetup, config: Any, processes: int) -> None:
    """
    Raises:
        LaunchError: its first step cannot be made, or its last.
    """
    parameters = dict(setup.model.named_parameters())
    if lazy := [name.rpartition(".")[0] for name, p in parameters.items() if is_lazy(p)]:
        raise LaunchError(f"the model has lazy layers ({_few(lazy)}) that no batch has reached yet: run model(inputs) once, and make the optimizer after that")
    _demand_batches(setup.train_loader)
    if config.optimizer is not None:  # the configuration's own is made in the ranks
        return
    held = [p for one in setup.optimizers for group in one.param_groups for p in group["params"]]
    if setup.optimizers and not any(p.requires_grad for p in (*held, *parameters.values())):
        raise LaunchError("there is nothing to train: no parameter of the model, or of its optimizer, requires a gradient")
    for one in setup.optimizers:
        closure = inspect.signature(type(one).step).parameters.get("closure")
        if closure is not None and closure.default is closure.empty:
            raise LaunchError(f"{type(one).__name__} calls a closure several times in a step, which the trainer does not do: take another optimizer, or a loop of your own, train(ctx)")
    if config.scheduler is None:
        _demand_length(setup, _fewest_steps(setup.train_loader, config, processes))


def demand_same(setup: TrainingSetup, config: Any, path: Path) -> None:
    """
    Raises:
        CheckpointError: the checkpoint is of another training; says in what.
    """
    from nbdebug.training import checkpoint
    from nbdebug.training.rank.snapshot import unwrapped

    state = checkpoint.load(path)
    if "place" not in state:
        return  # of a loop of the user's own; the ranks say so
    own, kept = unwrapped(setup.model).state_dict(), state.get("model") or {}
    wrong = [f"{name} is {tuple(kept[name].shape)} there and {tuple(own[name].shape)} here" for name in own if _apart(own[name], kept.get(name))]
    if missing := sorted(own.keys() - kept.keys()):
        wrong.append(f"it lacks {_few(missing)}")
    if more := sorted(kept.keys() - own.keys()):
        wrong.append(f"it has {_few(more)}")
    if wrong:
        raise CheckpointError(f"{path} is of another model than this one: {'; '.join(wrong[:NAMED])}")
    for number, optimizer in enumerate(setup.optimizers if config.optimizer is None else ()):
        demand_same_kind(optimizer, state.get(f"optimizer{number}"), str(path))


def demand_same_kind(optimizer: Any, kept: Any, what: str) -> None:
    """torch itself takes the state of any optimizer, and fails at the first step.

    Raises:
        CheckpointError: its settings are others than this optimizer's.
    """
    groups = kept.get("param_groups") if isinstance(kept, Mapping) else None
    if not groups:
        return
    own = optimizer.param_groups[0].keys()
    missing, more = sorted(optimizer.defaults.keys() - groups[0].keys()), sorted(groups[0].keys() - own)
    if missing and more:  # an older torch's lack some, and have no others
        raise CheckpointError(f"{what} is of another optimizer than {type(optimizer).__name__}: it has {_few(more)}, and no {_few(missing)}")


def _demand_batches(loader: Any) -> None:
    try:
        count = len(loader)
    except Exception:  # it does not know, or its sampler does not
        return
    if not count:
        dataset, size = getattr(loader, "dataset", None), getattr(loader, "batch_size", None)
        samples = f": {len(dataset)} samples, in batches of {size}, the last one dropped where it is smaller" if getattr(loader, "drop_last", False) and size else ""
        raise LaunchError(f"train_loader is empty, it gives no batch{samples}")


def _demand_length(setup: TrainingSetup, steps: int) -> None:
    """One cycle is over when it is over: torch raises at the step after it."""
    for one in setup.schedulers:
        if isinstance(one, OneCycleLR) and steps > one.total_steps - one.last_epoch:
            raise LaunchError(
                f"OneCycleLR was made for {one.total_steps - one.last_epoch} steps, and the run makes {steps} or more: total_steps={steps}, "
                "or scheduler='onecycle' in the configuration, which counts by itself"
            )


def _fewest_steps(loader: Any, config: Any, processes: int) -> int:
    """That the run makes at least; 0 where that is not known."""
    told = config.training
    if told.fast_dev_run or told.max_steps is not None:
        return 1 if told.fast_dev_run else int(told.max_steps)
    try:
        count = len(loader) if config.data.batch_size is None else 0
    except Exception:
        count = 0
    return int(told.epochs or 0) * (count // (processes * (told.accumulate or 1)))


def _apart(own: Any, kept: Any) -> bool:
    return isinstance(own, Tensor) and isinstance(kept, Tensor) and own.shape != kept.shape


def _few(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
