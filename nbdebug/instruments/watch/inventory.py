"""The parts of a training that take part in a loop: models, optimizers, schedulers, loaders."""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from nbdebug.findings import Location
from nbdebug.instruments.watch import statistics
from nbdebug.instruments.watch.ledger import Account, mark_of, value_of
from nbdebug.instruments.watch.result import Fact, Group, Loader, Model, Optimizer, Scheduler
from nbdebug.listening import plain_path

ADAPTIVE = ("Adam", "Adagrad", "Adadelta", "RMSprop", "Rprop", "Lion", "Adafactor", "LAMB", "Muon", "Adamax", "NAdam", "RAdam")
DECOUPLED = ("AdamW", "Lion", "Adafactor", "Muon")
SETTINGS = (  # of a scheduler, as torch names them
    "T_max", "T_0", "T_mult", "T_i", "eta_min", "total_steps", "step_size", "gamma", "milestones", "total_iters", "start_factor",
    "end_factor", "step_size_up", "step_size_down", "patience", "factor", "mode", "last_epoch",
)  # fmt: skip
WRAPPERS = ("DistributedDataParallel", "DataParallel", "FullyShardedDataParallel")


@dataclass
class WatchedModel:
    """A root module, and what was learnt about it while the loop ran."""

    name: str
    module: nn.Module
    modes_matter: tuple[str, ...] = ()
    dropouts: dict[str, float] = field(default_factory=dict)
    forwards: int = 0
    trains: bool = False  # some parameter wants a gradient
    invisible: str = ""
    device: str = "cpu"
    half: bool = False  # some parameter is float16
    parts: tuple[nn.Module, ...] = ()  # those of modes_matter
    norms: tuple[str, ...] = ()  # paths of the batch norms that had seen nothing when first seen
    looks: dict[str, tuple[int, float]] = field(default_factory=dict)  # parameter → mark and value when first seen
    named: list[tuple[str, nn.Parameter]] = field(default_factory=list)  # its parameters, while it is met

    def resume(self) -> None:
        """After `release`, finds its parts again."""
        self.find(self.module.named_modules())

    def find(self, parts: Iterable[tuple[str, nn.Module]]) -> None:
        """Keeps those that behave differently in train and eval mode."""
        named = [(path, part) for path, part in parts if _mode_matters(part)]
        self.modes_matter = tuple(f"{plain_path(path)} ({type(part).__name__})".strip() for path, part in named)
        self.parts = tuple(part for _, part in named)

    def awake(self) -> str:
        """Of the modules that behave differently in train and eval mode: whether all, some or none are in train mode."""
        parts = self.parts
        count = sum([part.training for part in parts])
        return "none" if not count else "all" if count == len(parts) else "some"

    def moved(self, path: str, parameter: torch.Tensor) -> bool:
        """Whether the parameter is another than when it was first seen."""
        look = self.looks.get(path)
        return look is not None and look != (mark_of(parameter), value_of(parameter))

    def plain(self, accounts: Iterable[Account] = ()) -> Model:
        parameters = list(self.module.parameters())
        own = {id(p) for p in parameters}
        holders = [a for a in accounts if a.steps + a.skipped and a.owns(own)]
        held = {id(p) for a in holders for p in a.parameters if p.requires_grad}
        orders = [order for order, p in enumerate(parameters) if id(p) in held]
        named = ((plain_path(path), p) for path, p in self.module.named_parameters()) if self.norms else ()
        moved = {path: p for path, p in named if self.moved(path, p)}
        return Model(
            self.name, type(self.module).__name__, sum(p.numel() for p in parameters), self.modes_matter,
            self.dropouts, self.forwards, str(parameters[0].dtype).removeprefix("torch.") if parameters else "",
            _wrapper(self.module), self.invisible, tuple(a.name for a in holders),
            sum(parameters[order].numel() for order in orders), min(orders, default=-1), tuple(statistics.plain(self.module, self.norms)),
            statistics.copied_without(self.module, self.norms), bool(moved),
            copied=statistics.copies(self.module, self.norms, {path for path, p in moved.items() if id(p) not in held}),
        )  # fmt: skip


def watched_model(name: str, module: nn.Module) -> WatchedModel:
    """Reads a root module that was just met."""
    made = WatchedModel(name, module, invisible=_invisible(module))
    parts, named = list(module.named_modules()), list(module.named_parameters())  # once: to walk through a model takes as long as a layer
    made.find(parts)
    made.dropouts = {plain_path(path): float(part.p) for path, part in parts if isinstance(part, _DropoutNd)}
    made.norms = statistics.fresh(parts)
    made.device = named[0][1].device.type if named else "cpu"
    trained = [p for _, p in named if p.requires_grad]
    made.trains, made.half = bool(trained), any(p.dtype == torch.float16 for p in trained)
    made.looks = {plain_path(path): (mark_of(p), value_of(p)) for path, p in named}
    made.named = named
    return made


def _mode_matters(part: nn.Module) -> bool:
    if isinstance(part, _DropoutNd):
        return part.p > 0
    if isinstance(part, _NormBase):  # without running statistics it normalises by the batch in both modes
        return part.running_mean is not None
    if isinstance(part, (nn.RNNBase, nn.MultiheadAttention)):
        return bool(part.dropout)
    return type(part).__name__ in ("DropPath", "StochasticDepth") and bool(getattr(part, "drop_prob", getattr(part, "p", 0)))


@dataclass
class WatchedLoader:
    name: str
    loader: weakref.ref[DataLoader]
    place: int
    length: int | None
    batch_size: int | None
    shuffled: bool | None
    samples: int | None
    epochs: int = 0
    position: int = 0  # batches delivered in this iteration
    sizes: dict[int, int] = field(default_factory=dict)
    mean_gap: float | None = None
    losses: dict[str, tuple[float, float, int, int]] = field(default_factory=dict)  # function → Σ loss·size, Σ loss, Σ size, batches

    def begin(self) -> None:
        """An iteration over it begins."""
        self._compare()
        self.epochs, self.position, self.losses = self.epochs + 1, 0, {}

    def delivered(self, size: int | None) -> None:
        """A batch of so many samples."""
        self.position += 1
        if size is not None:
            self.sizes[size] = self.sizes.get(size, 0) + 1

    def delivered_all(self, sizes: Iterable[int | None]) -> None:
        """Many batches; one of below zero samples is counted already."""
        for size, times in Counter(sizes).items():
            if size is None or size >= 0:
                self.position += times
            if size is not None and size >= 0:
                self.sizes[size] = self.sizes.get(size, 0) + times

    def scored(self, name: str, loss: float, size: int) -> None:
        """A loss, the mean of a batch, without a backward pass."""
        weighted, plain, samples, batches = self.losses.get(name, (0.0, 0.0, 0, 0))
        self.losses[name] = (weighted + loss * size, plain + loss, samples + size, batches + 1)

    def _compare(self) -> None:
        for weighted, plain, samples, batches in self.losses.values():
            true = weighted / samples if samples else 0.0
            if true and math.isfinite(plain) and batches > 1:
                self.mean_gap = max(self.mean_gap or 0.0, abs(plain / batches - true) / abs(true))

    def plain(self, places: list[Location]) -> Loader:
        self._compare()
        sizes = {str(size): count for size, count in sorted(self.sizes.items())}
        return Loader(self.name, self.length, self.batch_size, sizes, self.epochs, places[self.place], self.shuffled, self.samples, self.mean_gap)


def watched_loader(name: str, loader: DataLoader, place: int) -> WatchedLoader:
    try:
        length: int | None = len(loader)
    except TypeError:  # an iterable dataset
        length = None
    try:
        samples: int | None = len(loader.sampler)  # type: ignore[arg-type]
    except TypeError:
        samples = None
    kinds = {RandomSampler: True, SequentialSampler: False}
    return WatchedLoader(name, weakref.ref(loader), place, length, loader.batch_size, kinds.get(type(loader.sampler)), samples)


@dataclass
class WatchedScheduler:
    name: str
    scheduler: Any
    place: int = 0
    steps: int = 0

    def holds(self, other: Any) -> bool:
        """Whether another scheduler is a part of this one, as in SequentialLR."""
        held = vars(self.scheduler).values()
        return any(value is other or (isinstance(value, (list, tuple)) and any(part is other for part in value)) for value in held)

    def plain(self, optimizer: str, places: list[Location]) -> Scheduler:
        settings = {name: _fact(getattr(self.scheduler, name)) for name in SETTINGS if hasattr(self.scheduler, name)}
        rates = [float(rate) for rate in getattr(self.scheduler, "base_lrs", ())]
        settings["base_lr"] = max(rates, default=None)
        return Scheduler(self.name, type(self.scheduler).__name__, optimizer, self.steps, settings, places[self.place])


def plain_optimizer(account: Account, name_of: Callable[[Tensor], str]) -> Optimizer:
    """An optimizer with its groups as they are now; parameters are named as in the tracks."""
    kind, groups = type(account.optimizer).__name__, account.optimizer.param_groups
    labels = [f"{account.name}, group {i}" for i in range(len(groups))] if len(groups) > 1 else [account.name]
    return Optimizer(
        account.name, kind, any(word in kind for word in ADAPTIVE), any(word in kind for word in DECOUPLED),
        tuple(_group(group, of, name_of) for group, of in zip(groups, labels, strict=True)), account.steps, account.skipped,
        by_hand=account.by_hand,
    )  # fmt: skip


def _group(group: dict[str, Any], of: str, name_of: Callable[[Tensor], str]) -> Group:
    momentum = group.get("momentum", group["betas"][0] if group.get("betas") else None)
    parameters = tuple(name_of(p) or f"parameter {at} of {of}" for at, p in enumerate(group["params"]))
    return Group(
        _number(group.get("lr")) or 0.0, _number(group.get("weight_decay")) or 0.0, _number(group.get("eps")), _number(momentum), parameters
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float, torch.Tensor)) else None


def _fact(value: Any) -> Fact:
    if isinstance(value, Counter):  # the milestones of MultiStepLR
        return str(sorted(value.elements()))
    return value if isinstance(value, (int, float, str, bool)) or value is None else str(value)


def _wrapper(module: nn.Module) -> str:
    return type(module).__name__ if type(module).__name__ in WRAPPERS else ""


def _invisible(module: nn.Module) -> str:
    if getattr(module, "_compiled_call_impl", None) is not None or type(module).__name__ == "OptimizedModule":
        return "it is compiled: hooks inside are not called, so that its activations are not seen; its parameters and gradients are"
    if isinstance(module, torch.jit.ScriptModule):
        return "it is a TorchScript module, whose inside runs without Python"
    if type(module).__name__ == "DataParallel" and len(getattr(module, "device_ids", ()) or ()) > 1:
        return "its copies run in threads on several devices; its parameters and gradients are seen"
    return ""
