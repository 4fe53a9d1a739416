"""Words that other tools and habits have for what the configuration calls by one name; this is the only table of them.

A word stands here only where it can mean one thing. Sources: transformers' TrainingArguments, Lightning's Trainer and accelerate's Accelerator (their
reference pages), the argument names of torch.optim and torch.optim.lr_scheduler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbdebug.training.config.of_training import precision
from nbdebug.training.config.values import every, flag, plain, shown

UNSAID = object()  # a value that says: as if the word were not there


@dataclass(frozen=True)
class Alias:
    """Where a word belongs, and what its value is there."""

    path: str
    convert: Callable[[Any], Any] = lambda value: value


def _unless_negative(value: Any) -> Any:
    """-1 is "not said" to transformers and Lightning."""
    return UNSAID if str(value).strip() in ("-1", "-1.0") else value


def _when_true(meaning: Any) -> Callable[[Any], Any]:
    """A switch that is nothing when it is off."""
    return lambda value: meaning if flag(value) else UNSAID


def _some_epochs(value: Any) -> Any:
    """Lightning's val_check_interval: a whole number counts steps, 1.0 is an epoch."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"must be a whole number of steps, got {shown(value)}: for each epoch say training.validate_every: 1")


def _strategy(what: str) -> Callable[[Any], Any]:
    """transformers' "no", "epoch" or "steps"; the number of steps has its own word."""

    def convert(value: Any) -> Any:
        word = str(value).lower()
        if word in ("no", "false", "epoch", "steps"):
            return {"no": None, "false": None, "epoch": 1, "steps": UNSAID}[word]
        raise ValueError(f'must be "no", "epoch" or "steps", got {shown(value)}: {what} says how often')

    return convert


def _greater(value: Any) -> str:
    return "max" if flag(value) else "min"


def _opposite(value: Any) -> bool:
    return not flag(value)


def _device(value: Any) -> Any:
    return "cuda" if plain(str(value)) == "gpu" else value


def _processes(value: Any) -> Any:
    """Lightning's devices: a number, or a list of devices."""
    return UNSAID if value in ("auto", -1, "-1") else len(value) if isinstance(value, (list, tuple)) else value


SECTIONS = {
    "train": "training", "trainer": "training", "training_arguments": "training", "training_args": "training", "trainer_args": "training",
    "optim": "optimizer", "lr_scheduler": "scheduler", "schedule": "scheduler", "criterion": "loss", "loss_fn": "loss",
    "dataloader": "data", "data_loader": "data", "logging": "log", "logger": "log", "distributed": "launch", "checkpoints": "checkpoint", "checkpointing": "checkpoint",
}  # fmt: skip

INSIDE = {  # words that mean this only in their section
    "optimizer": {
        "name": "type", "class": "type", "optimizer": "type", "learning_rate": "lr", "wd": "weight_decay", "l2": "weight_decay", "epsilon": "eps",
        "params": "*", "options": "*", "kwargs": "*", "args": "*",
    },
    "scheduler": {
        "name": "type", "class": "type", "scheduler": "type", "eta_min": "min_lr", "lr_min": "min_lr", "t_max": "T_max", "tmax": "T_max", "t_0": "T_0",
        "warmup": "warmup_steps", "num_warmup_steps": "warmup_steps", "warm_up_steps": "warmup_steps", "steps": "T_max", "total_steps": "T_max",
        "num_training_steps": "T_max", "total_iters": "T_max", "lr_decay": "gamma", "params": "*", "options": "*", "kwargs": "*", "args": "*",
    },
    "loss": {
        "name": "type", "class": "type", "smoothing": "label_smoothing", "focal_gamma": "gamma", "weight": "class_weights", "weights": "class_weights",
        "class_weight": "class_weights", "params": "*", "options": "*", "kwargs": "*", "args": "*",
    },
    "data": {"workers": "num_workers", "prefetch_factor": "prefetch", "balanced": "balance", "bs": "batch_size"},
    "checkpoint": {
        "every": "every_epochs", "save_top_k": "keep_best", "save_every": "every_epochs", "every_n_epochs": "every_epochs",
        "every_n_train_steps": "every_steps", "keep": "keep_last",
    },
    "log": {"every": "every_steps", "every_n_steps": "every_steps", "interval": "every_steps"},
    "watch": {"every": "layers", "numbers": "layers", "histograms": "layers"},
    "training": {"steps": "max_steps", "amp": "precision", "clip": "clip_norm", "clip_grad": "clip_norm"},
    "launch": {"processes": "num_processes", "nproc": "num_processes", "world_size": "num_processes", "workers": "num_processes", "gpus": "num_processes"},
}  # fmt: skip

ANYWHERE = {  # words with one meaning, at the top, in `training`, and as keywords of a call
    # how long
    "num_epochs": Alias("training.epochs"), "n_epochs": Alias("training.epochs"), "max_epochs": Alias("training.epochs", _unless_negative),
    "num_train_epochs": Alias("training.epochs"), "nb_epochs": Alias("training.epochs"), "num_steps": Alias("training.max_steps"),
    "max_steps": Alias("training.max_steps", _unless_negative), "max_iters": Alias("training.max_steps"), "num_iterations": Alias("training.max_steps"),
    # precision
    "mixed_precision": Alias("training.precision", precision), "use_amp": Alias("training.precision", precision), "amp": Alias("training.precision", precision),
    "fp16": Alias("training.precision", _when_true("16-mixed")), "bf16": Alias("training.precision", _when_true("bf16-mixed")),
    # steps
    "gradient_accumulation_steps": Alias("training.accumulate"), "accumulate_grad_batches": Alias("training.accumulate"),
    "accumulation_steps": Alias("training.accumulate"), "grad_accumulation_steps": Alias("training.accumulate"), "gradient_accumulation": Alias("training.accumulate"),
    "max_grad_norm": Alias("training.clip_norm", every), "gradient_clip_val": Alias("training.clip_norm"), "grad_clip": Alias("training.clip_norm"),
    "gradient_clip": Alias("training.clip_norm"), "gradient_clipping": Alias("training.clip_norm"), "grad_clip_norm": Alias("training.clip_norm"),
    "clip_grad_norm": Alias("training.clip_norm"), "gradient_clip_value": Alias("training.clip_value"), "clip_grad_value": Alias("training.clip_value"),
    "gradient_checkpointing": Alias("training.checkpoint_activations"), "activation_checkpointing": Alias("training.checkpoint_activations"),
    "ema_decay": Alias("training.ema"), "use_ema": Alias("training.ema"), "patience": Alias("training.early_stopping.patience"),
    "early_stopping_patience": Alias("training.early_stopping.patience"),
    "sync_batchnorm": Alias("training.sync_batch_norm"), "sync_bn": Alias("training.sync_batch_norm"),
    "ddp_find_unused_parameters": Alias("training.find_unused_parameters"), "ddp_bucket_cap_mb": Alias("training.bucket_mb"), "bucket_cap_mb": Alias("training.bucket_mb"),
    # validation
    "check_val_every_n_epoch": Alias("training.validate_every"), "val_every": Alias("training.validate_every"), "validation_interval": Alias("training.validate_every"),
    "val_interval": Alias("training.validate_every"), "eval_every": Alias("training.validate_every"),
    "val_check_interval": Alias("training.validate_every_steps", _some_epochs), "eval_steps": Alias("training.validate_every_steps"),
    "eval_strategy": Alias("training.validate_every", _strategy("eval_steps")), "evaluation_strategy": Alias("training.validate_every", _strategy("eval_steps")),
    # data
    "train_batch_size": Alias("data.batch_size"), "per_device_train_batch_size": Alias("data.batch_size"), "per_gpu_batch_size": Alias("data.batch_size"),
    "dataloader_num_workers": Alias("data.num_workers"), "dataloader_pin_memory": Alias("data.pin_memory"), "dataloader_drop_last": Alias("data.drop_last"),
    "dataloader_prefetch_factor": Alias("data.prefetch"), "prefetch_factor": Alias("data.prefetch"), "mixup_alpha": Alias("data.mixup"), "cutmix_alpha": Alias("data.cutmix"),
    # loss
    "label_smoothing_factor": Alias("loss.label_smoothing"), "criterion": Alias("loss.type"), "loss_fn": Alias("loss.type"), "loss": Alias("loss.type"),
    # optimizer
    "learning_rate": Alias("optimizer.lr"), "base_lr": Alias("optimizer.lr"), "optim": Alias("optimizer.type"), "wd": Alias("optimizer.weight_decay"),
    "optimizer": Alias("optimizer.type"), "optimizer_type": Alias("optimizer.type"), "optimizer_name": Alias("optimizer.type"),
    "adam_beta1": Alias("optimizer.beta1"), "adam_beta2": Alias("optimizer.beta2"), "adam_epsilon": Alias("optimizer.eps"),
    # schedule
    "lr_scheduler_type": Alias("scheduler.type"), "lr_scheduler": Alias("scheduler.type"), "scheduler": Alias("scheduler.type"), "scheduler_type": Alias("scheduler.type"),
    "warmup": Alias("scheduler.warmup_steps"), "num_warmup_steps": Alias("scheduler.warmup_steps"), "warmup_proportion": Alias("scheduler.warmup_ratio"),
    "eta_min": Alias("scheduler.min_lr"), "lr_min": Alias("scheduler.min_lr"),
    # kept
    "logging_steps": Alias("log.every_steps"), "log_every_n_steps": Alias("log.every_steps"), "log_every": Alias("log.every_steps"), "log_interval": Alias("log.every_steps"),
    "save_steps": Alias("checkpoint.every_steps"), "save_every": Alias("checkpoint.every_epochs"), "save_total_limit": Alias("checkpoint.keep_last"),
    "save_strategy": Alias("checkpoint.every_epochs", _strategy("save_steps")), "checkpoint_every": Alias("checkpoint.every_epochs"),
    "metric_for_best_model": Alias("checkpoint.monitor"), "greater_is_better": Alias("checkpoint.mode", _greater),
    # the run
    "run_name": Alias("name"), "experiment_name": Alias("name"), "random_seed": Alias("seed"), "manual_seed": Alias("seed"), "torch_compile": Alias("compile"),
    "torch_compile_mode": Alias("compile"), "full_determinism": Alias("deterministic"), "use_deterministic_algorithms": Alias("deterministic"),
    "devices": Alias("launch.num_processes", _processes), "nproc_per_node": Alias("launch.num_processes"), "nprocs": Alias("launch.num_processes"),
    "num_gpus": Alias("launch.num_processes"), "accelerator": Alias("launch.device", _device), "ddp_backend": Alias("launch.backend"), "ddp_timeout": Alias("launch.timeout"),
    "max_restarts": Alias("launch.restarts"), "no_cuda": Alias("launch.device", _when_true("cpu")), "use_cpu": Alias("launch.device", _when_true("cpu")),
}  # fmt: skip

ELSEWHERE = {  # words that are understood, and belong to something else than the configuration
    "output_dir": "say runs_dir=... to nbdebug.launch", "default_root_dir": "say runs_dir=... to nbdebug.launch", "runs_dir": "say it to nbdebug.launch",
    **dict.fromkeys(("save_dir", "log_dir", "logging_dir", "checkpoint_dir", "ckpt_dir", "dirpath", "work_dir"), "say runs_dir=... to nbdebug.launch"),
    "wandb": "TensorBoard and MLflow are written, log.tensorboard and log.mlflow", "use_wandb": "say log.tensorboard or log.mlflow",
    "resume_from_checkpoint": "say resume=... to nbdebug.launch", "ckpt_path": "say resume=... to nbdebug.launch", "resume": "say it to nbdebug.launch",
    "wait": "say it to nbdebug.launch", "engine": "say it to nbdebug.launch", "num_nodes": "say nnodes=... to nbdebug.launch(engine=\"torchrun\")",
    "val_batch_size": "the batch size of the validation is that of its loader", "eval_batch_size": "the batch size of the validation is that of its loader",
    "per_device_eval_batch_size": "the batch size of the validation is that of its loader",
    "early_stopping_threshold": "say training.early_stopping: {min_delta: ...}", "gradient_clip_algorithm": 'say training.clip_norm or training.clip_value',
    "deepspeed": "ranks hold the whole model here (DDP)", "fsdp": "ranks hold the whole model here (DDP)", "strategy": "ranks train with DDP here whenever there are several",
    "total_batch_size": "say data.batch_size, which is that of one rank", "global_batch_size": "say data.batch_size, which is that of one rank",
}  # fmt: skip
