"""What does not fit together, though each value is one that may be."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from nbdebug.training.config.run_config import RunConfig

Place = tuple[str, ...]


def troubles(config: RunConfig, said: Collection[Place] = ()) -> Iterator[tuple[Place, str]]:
    """Each place whose value contradicts another's, with the sentence that follows its name.

    Args:
        said: the places that somebody wrote something at.
    """
    yield from _schedule(config, said)
    training, data = config.training, config.data
    if config.optimizer is not None and config.optimizer.type == "LBFGS":
        yield ("optimizer", "type"), "is LBFGS, which asks for the loss several times within a step: bring your own loop, launch(train_fn)"
    if config.loss is not None and config.loss.gamma is not None and config.loss.type not in (None, "focal"):
        yield ("loss", "gamma"), f"is of the focal loss, and loss.type is {config.loss.type}: say loss.type: focal"
    for name, monitor in (("checkpoint", config.checkpoint.monitor), ("early_stopping", getattr(training.early_stopping, "monitor", "loss"))):
        if monitor not in ("loss", *config.metrics) and not monitor.startswith("train"):
            place = ("checkpoint", "monitor") if name == "checkpoint" else ("training", "early_stopping", "monitor")
            yield place, f'is "{monitor}", and metrics has {", ".join(config.metrics) or "no names"}: monitor "loss" or add it to metrics'
    if (data.mixup or data.cutmix) and data.mix_probability == 0:
        yield ("data", "mix_probability"), "is 0, so that mixup and cutmix never happen"
    if data.balance and data.shuffle is False:
        yield ("data", "shuffle"), "is false, and data.balance draws samples in random order: say one of them"
    if config.launch.device == "cpu" and config.launch.backend == "nccl":
        yield ("launch", "backend"), "is nccl, which needs CUDA devices, and launch.device is cpu"
    if training.static_graph and training.find_unused_parameters:
        yield ("training", "static_graph"), "and find_unused_parameters exclude each other: with a static graph DDP looks once for what is unused"


def _schedule(config: RunConfig, said: Collection[Place]) -> Iterator[tuple[Place, str]]:
    """A schedule against the length of the training, as far as it is known without the data."""
    schedule, training = config.scheduler, config.training
    if schedule is None:
        return
    lr = config.optimizer.lr if config.optimizer is not None else None
    length = {"epoch": training.epochs, "step": training.max_steps}[schedule.interval or "step"]
    open_ended = ("scheduler", "interval") in said or not {("training", "epochs"), ("training", "max_steps")} & set(said)
    if schedule.T_max is not None and length is not None and schedule.T_max > length and not open_ended:
        unit, other = f"{schedule.interval}s", {"epoch": "step", "step": "epoch"}[schedule.interval or "step"]
        meant = f"say scheduler.interval: {other} if it counts {other}s, or {schedule.interval} if the schedule is meant to outlast the training"
        yield ("scheduler", "T_max"), f"is {schedule.T_max}, and the training has {length} {unit}: {meant}"
    warmups = [name for name in ("warmup_steps", "warmup_ratio", "warmup_epochs") if getattr(schedule, name)]
    if len(warmups) > 1:
        yield ("scheduler", warmups[1]), f"and {warmups[0]} both say how long the warm-up is: say one of them"
    if schedule.warmup_epochs and training.epochs is None:
        yield ("scheduler", "warmup_epochs"), "counts epochs, and the training is measured in steps: say scheduler.warmup_steps"
    elif training.epochs is not None and schedule.warmup_epochs >= training.epochs:
        yield ("scheduler", "warmup_epochs"), f"is {schedule.warmup_epochs:g}, and the training has {training.epochs} epochs: it would end within the warm-up"
    if training.max_steps is not None and schedule.warmup_steps >= training.max_steps:
        yield ("scheduler", "warmup_steps"), f"is {schedule.warmup_steps}, and the training has {training.max_steps} steps: it would end within the warm-up"
    if schedule.warmup_ratio == 1:
        yield ("scheduler", "warmup_ratio"), "is 1, so that the training would end with the warm-up: it is a share, such as 0.05"
    if lr is not None and schedule.min_lr > lr:
        yield ("scheduler", "min_lr"), f"is {schedule.min_lr:g}, above the learning rate of {lr:g}"
    if lr is not None and schedule.max_lr is not None and schedule.max_lr < lr:
        yield ("scheduler", "max_lr"), f"is {schedule.max_lr:g}, below the learning rate of {lr:g}"
    if schedule.T_max is not None and schedule.interval == "step" and schedule.warmup_steps >= schedule.T_max:
        yield ("scheduler", "warmup_steps"), f"is {schedule.warmup_steps}, and T_max is {schedule.T_max} steps, of which the warm-up is a part"
    if schedule.type == "onecycle" and warmups:
        yield ("scheduler", warmups[0]), "is said, and onecycle has its own warm-up: say scheduler.pct_start"
    if schedule.milestones != sorted(set(schedule.milestones)):
        yield ("scheduler", "milestones"), "must grow from one to the next"
    if schedule.type == "multistep" and not schedule.milestones:
        yield ("scheduler", "type"), "is multistep, which needs scheduler.milestones, such as [30, 60]"
    if schedule.type == "plateau" and training.validate_every is None and training.validate_every_steps is None:
        yield ("scheduler", "type"), "is plateau, which waits for validations, and training.validate_every is never"
