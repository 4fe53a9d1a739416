"""What a variable of the notebook could be: a model, a loader, a loss, an optimizer; by its type, then by its name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from nbdebug.batch import tensors
from nbdebug.training_setup import TrainingSetup

USUAL_NAMES = {  # role → what tutorials call it, the most usual first
    "model": ("model", "net", "network"),
    "loss_fn": ("loss_fn", "criterion", "loss_func", "loss_function", "lossfn", "loss_fun", "objective", "loss"),
    "optimizer": ("optimizer", "optim", "opt", "optimiser"),
    "scheduler": ("scheduler", "lr_scheduler", "sched"),
    "scaler": ("scaler", "grad_scaler"),
    "train_loader": ("train_loader", "train_dataloader", "train_dl", "trainloader", "training_loader"),
    "val_loader": ("val_loader", "valid_loader", "val_dataloader", "val_dl", "valid_dl", "valloader", "validation_loader"),
    "batch_loss": ("batch_loss",),
    "setup": ("setup",),
}
OF_IPYTHON = frozenset(["In", "Out", "exit", "quit", "get_ipython", "open"])
TRAINING = r"(?:^|[^a-z])tr(?:ai)?n"  # at the start of a word: "latest_loader" is no test loader
VALIDATION = (r"(?:^|[^a-z])(?:val|dev(?![a-z]))", r"(?:^|[^a-z])(?:eval|hold_?out)", r"(?:^|[^a-z])test")  # best first
LOADER = re.compile(r"loader|(?:^|_)dls?(?:$|[^a-z])")
PLAIN_TYPES = frozenset(["builtins", "collections", "numpy", "pandas", "torch"])  # an array named loader_times is no loader
NO_LOSS = re.compile(r"(?:plot|show|draw|print|log|save|get|make|train|val|valid|test|eval|evaluate|update)_")
NOT_OUTPUTS = frozenset(["self", "model", "net", "network", "setup", "trainer", "batch"])  # first parameter of no loss_fn


@dataclass(frozen=True, eq=False)  # compared by identity: values such as tensors have no plain ==
class Variable:
    """A value, and the names it has; the first is the one to call it by."""

    value: Any
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.names[0]


def candidates(namespace: Mapping[str, Any], role: str) -> list[Variable]:
    """The variables that could play this role, in the order they were made; one object counts once.

    Names beginning with an underscore, IPython's own and classes are left out.
    """
    found = variables_that(namespace, FITS[role])
    return [Variable(variable.value, tuple(sorted(variable.names, key=_preference(role)))) for variable in found]


def variables_that(namespace: Mapping[str, Any], fits: Callable[[str, Any], bool]) -> list[Variable]:
    """The variables that fit, by name and value, in the order they were made; one object counts once."""
    names: dict[int, list[str]] = {}
    values: dict[int, Any] = {}
    for name, value in _visible(namespace):
        if fits(name, value):
            names.setdefault(id(value), []).append(name)
            values[id(value)] = value
    return [Variable(values[key], tuple(found)) for key, found in names.items()]


def has_usual_name(variable: Variable, role: str) -> bool:
    return variable.name in USUAL_NAMES[role]


def is_for_training(name: str) -> bool:
    """Whether a loader's name says that it feeds the training."""
    return bool(re.search(TRAINING, _snake(name)))


def validation_rank(name: str) -> int | None:
    """0 for a validation loader's name, 2 for a test loader's, None when the name says neither."""
    if is_for_training(name):
        return None
    return next((rank for rank, pattern in enumerate(VALIDATION) if re.search(pattern, _snake(name))), None)


def shuffles(loader: Any) -> bool:
    """Whether a DataLoader draws its samples in random order."""
    return isinstance(getattr(loader, "sampler", None), torch.utils.data.RandomSampler)


def takes_outputs_and_targets(function: Any) -> bool:
    """Whether a callable can be called as loss_fn(outputs, targets), as far as its signature says."""
    try:
        signature = inspect.signature(function)
        signature.bind(None, None)
    except TypeError:
        return False
    except ValueError:  # built in: no signature to read
        return True
    first = next(iter(signature.parameters), "")
    return first not in NOT_OUTPUTS


def loss_rank(variable: Variable) -> int:
    """0 named as a loss usually is, 1 a loss module or torch loss bound to a name, 2 an own function, 3 only imported."""
    if has_usual_name(variable, "loss_fn"):
        return 0
    if _is_torch_function(variable.value):
        return 3 if variable.name == variable.value.__name__ else 1
    return 1 if isinstance(variable.value, nn.Module) else 2


# -- one predicate a role ---------------------------------------------------------------------------------------


def _is_model(name: str, value: Any) -> bool:
    if not isinstance(value, nn.Module) or _is_loss_module(value) or name in USUAL_NAMES["loss_fn"]:
        return False
    return not type(value).__module__.startswith("torchmetrics")


def _is_loss_module(value: Any) -> bool:
    return isinstance(value, nn.modules.loss._Loss) or (isinstance(value, nn.Module) and "Loss" in type(value).__name__)


def _is_loss(name: str, value: Any) -> bool:
    if _is_loss_module(value):
        return True
    if not callable(value) or isinstance(value, (torch.Tensor, Optimizer, TrainingSetup)):
        return False
    if name in USUAL_NAMES["loss_fn"]:
        return True
    if _is_torch_function(value):
        return _names_a_loss(value.__name__)
    return inspect.isfunction(value) and _names_a_loss(name) and name not in USUAL_NAMES["batch_loss"]


def _names_a_loss(name: str) -> bool:
    name = _snake(name)  # plot_loss(train, val) takes two arguments too
    return bool(re.search(r"(?:^|_)loss(?:_|$)|cross_entropy|kl_div$", name)) and not NO_LOSS.match(name)


def _is_torch_function(value: Any) -> bool:
    return inspect.isroutine(value) and getattr(value, "__module__", "") in ("torch.nn.functional", "torch._C._nn")


def _is_loader(name: str, value: Any) -> bool:
    if isinstance(value, DataLoader):
        return True
    usual = name in (*USUAL_NAMES["train_loader"], *USUAL_NAMES["val_loader"])
    if isinstance(value, (list, tuple)):  # batches made by hand
        of_tensors = bool(value) and next(tensors(value[0]), None) is not None
        return (usual and not value) or (of_tensors and bool(LOADER.search(_snake(name)) or "batches" in name))
    if isinstance(value, Iterator) and not usual:  # iter(train_loader), half used up
        return False
    foreign = type(value).__module__.split(".")[0] not in PLAIN_TYPES and not isinstance(value, nn.Module)
    return foreign and hasattr(value, "__iter__") and bool(LOADER.search(_snake(name)))


def _is_batch_loss(name: str, value: Any) -> bool:
    return name in USUAL_NAMES["batch_loss"] and callable(value)


FITS: dict[str, Callable[[str, Any], bool]] = {
    "model": _is_model,
    "loss_fn": _is_loss,
    "optimizer": lambda name, value: isinstance(value, Optimizer),
    "scheduler": lambda name, value: isinstance(value, LRScheduler),
    "scaler": lambda name, value: isinstance(value, torch.amp.GradScaler),
    "train_loader": _is_loader,
    "val_loader": _is_loader,
    "batch_loss": _is_batch_loss,
    "setup": lambda name, value: isinstance(value, TrainingSetup),
}


def _visible(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The user's variables, and the loaders in a dictionary of loaders."""
    for name, value in list(namespace.items()):
        if name.startswith("_") or name in OF_IPYTHON or isinstance(value, type):
            continue
        yield name, value
        if type(value) is dict and any(isinstance(item, DataLoader) for item in value.values()):
            yield from ((f"{name}[{key!r}]", item) for key, item in value.items() if isinstance(item, DataLoader))


def _preference(role: str) -> Callable[[str], tuple[int, bool]]:
    """Sorts the names of one object: the usual one first, `loaders['train']` last."""
    usual = USUAL_NAMES[role]
    return lambda name: (usual.index(name) if name in usual else len(usual), "[" in name)


def _snake(name: str) -> str:
    """`trainLoader` as `train_loader`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
