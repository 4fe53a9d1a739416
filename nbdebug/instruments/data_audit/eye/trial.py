"""One guarded loss of a batch: which loss is called on what, and does it come out finite?

Out-of-range class labels are caught before torch sees them, because on a GPU they would end the CUDA context.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nbdebug.batch import prediction, tensors
from nbdebug.errors import NbdebugError, first_line
from nbdebug.instruments.data_audit.eye.members import Member, members, same_values
from nbdebug.listening import Tape
from nbdebug.loss_call import BINARY, CLASS_INDEX, LOSSES
from nbdebug.training_setup import TrainingSetup

ALIGNED, LENGTHS = "ctc_loss", ("input_lengths", "target_lengths")  # a loss that is told how far each of its sequences goes


class LabelOutside(NbdebugError):
    """Raised in place of torch's own error, or of a CUDA assertion."""


@dataclass
class Attempt:
    """A call of one of torch's losses, whether it returned or not."""

    name: str  # "" for targets that a loss of the user's own could not take
    prediction: Tensor
    targets: Tensor
    options: dict[str, Any] = field(default_factory=dict)
    value: Tensor | None = None  # None: it raised
    lengths: tuple[Tensor, ...] = ()  # of the sequences, which the loss is told

    @property
    def classes(self) -> int | None:
        """C, the outputs of the head; None where the targets are no class indices."""
        if self.name not in (*CLASS_INDEX, "") or self.targets.is_floating_point() or not self.prediction.ndim:
            return None
        if self.name and self.prediction.ndim > 1 and self.targets.shape != self.prediction[:, 0].shape:
            return None  # the dimension that torch takes for the classes may be another: the step will raise
        return self.prediction.shape[1] if self.prediction.ndim > 1 else self.prediction.shape[0]

    @property
    def ignore_index(self) -> int | None:
        """The label that the loss leaves out, for class indices."""
        return self.options.get("ignore_index", -100) if self.name in CLASS_INDEX else None

    @property
    def kind(self) -> str:
        """"classes", "binary", or "" for targets that are neither."""
        if self.classes is not None:
            return "classes"
        return "binary" if self.name in BINARY else ""

    def outside(self, values: Tensor) -> Tensor:
        """Which values lie outside the domain of this loss. NaN does not count: that is another trouble."""
        if self.kind == "classes":
            wrong = (values < 0) | (values >= (self.classes or 0))
            return wrong & (values != self.ignore_index) if self.ignore_index is not None else wrong
        if self.kind == "binary":
            return (values < 0) | (values > 1)
        return torch.zeros_like(values, dtype=torch.bool)


@dataclass
class Trial:
    """What came of the loss of one batch. Holds tensors, so keep it only as long as it is read."""

    tape: Tape | None
    attempts: list[Attempt]
    loss: Tensor | None = None
    error: str = ""
    model: nn.Module | None = None

    def broken_gradient(self) -> str:
        """The first parameter whose gradient is not finite although the loss is: gates and clamps take an Inf on the way forward, not back."""
        if self.model is None or self.loss is None or not self.loss.requires_grad or not bool(torch.isfinite(self.loss.detach()).all()):
            return ""
        named = [(name, parameter) for name, parameter in self.model.named_parameters() if parameter.requires_grad]
        with contextlib.suppress(Exception):  # a backward pass of the user's own that wants more than one look
            gradients = torch.autograd.grad(self.loss.sum(), [parameter for _, parameter in named], retain_graph=True, allow_unused=True)
            broken = (name for (name, _), one in zip(named, gradients, strict=True) if one is not None and not one.is_sparse and not bool(torch.isfinite(one).all()))
            return next(broken, "")
        return ""

    @property
    def value(self) -> float | None:
        """The loss in its own units; None when it could not be computed."""
        value = None if self.loss is None else float(self.loss.detach())
        return math.nan if value != value and value is not None else value  # the one NaN that equals itself

    def link(self, member: Member) -> Attempt | None:
        """The loss call whose targets are this tensor: as delivered, or a part of it with no other labels."""
        exact = [a for a in self.attempts if same_values(a.targets, member.tensor)]
        part = [a for a in self.attempts if member.role == "target" and _is_part(a.targets, member.tensor)]
        return next(iter(exact or part), None)

    def is_plain(self, attempt: Attempt) -> bool:
        """Whether the training loss is nothing but this call on the model's own output."""
        if self.loss is None or attempt.value is None or attempt.value.numel() != 1 or self.tape is None:
            return False
        root = self.tape.root
        returned = [tensor for _, tensor in tensors(root.output)] if root is not None else []
        value = attempt.value.detach().reshape(())
        unchanged = any(same_values(attempt.prediction, tensor) for tensor in returned)
        return unchanged and bool(torch.isclose(self.loss.detach(), value.to(self.loss.dtype), equal_nan=True))

    def head(self, attempt: Attempt) -> str:
        """Path of the module that made the predictions."""
        made_by = self.tape.origin(attempt.prediction) if self.tape is not None else None
        return made_by.module if made_by is not None else ""

    def scores_outside(self, attempt: Attempt) -> bool:
        """Whether a target outside the domain takes part in the loss: it raises there, or sends a gradient back."""
        wrong = attempt.outside(attempt.targets.detach())
        if not bool(wrong.any()):
            return False
        if self.loss is None or not self.loss.requires_grad or wrong.shape != attempt.prediction.shape:
            return True
        (gradient,) = torch.autograd.grad(self.loss, attempt.prediction, retain_graph=True, allow_unused=True)
        return gradient is not None and bool((gradient[wrong] != 0).any())


def try_loss(setup: TrainingSetup, batch: Any) -> Trial:
    """The loss of this batch in the modes that the model is in; an error is noted, never raised."""
    tape, guard = Tape(setup.model), _LossGuard()
    trial = Trial(tape, guard.attempts, model=setup.model)
    try:
        with torch.enable_grad(), tape, guard:
            trial.loss = setup.loss(batch)
        trial.attempts.extend(_own_loss_deaf_to_the_last(trial, setup, batch) or _own_loss_that_wraps(trial, setup, batch))
    except Exception as error:  # the step is the user's own code: anything may come
        trial.error = first_line(error)
        trial.attempts.extend(_own_loss_that_raised(trial, setup, batch))
    return trial


class _LossGuard(TorchFunctionMode):
    """Notes every call of a torch loss before it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[Attempt] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") not in (*LOSSES, ALIGNED):
            return func(*args, **kwargs)
        attempt = _attempt(func.__name__, args, kwargs)
        if attempt is None:
            return func(*args, **kwargs)
        self.attempts.append(attempt)
        if attempt.name in CLASS_INDEX and bool(attempt.outside(attempt.targets).any()):
            raise LabelOutside(f"targets outside 0..{(attempt.classes or 0) - 1}")
        attempt.value = func(*args, **kwargs)
        return attempt.value


def _attempt(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Attempt | None:
    options = dict(kwargs)
    if name == ALIGNED:
        return _aligned(args, options)
    predicted = args[0] if args else options.pop("input", None)
    targets = args[1] if len(args) > 1 else options.pop("target", None)
    if not isinstance(predicted, Tensor) or not isinstance(targets, Tensor):
        return None
    if len(args) > 2:
        options.setdefault("weight", args[2])
    return Attempt(name, predicted, targets, options)


def _aligned(args: tuple[Any, ...], options: dict[str, Any]) -> Attempt | None:
    given = dict(zip(("log_probs", "targets", *LENGTHS), args, strict=False)) | options
    predicted, targets = given.get("log_probs"), given.get("targets")
    if not isinstance(predicted, Tensor) or not isinstance(targets, Tensor):
        return None
    return Attempt(ALIGNED, predicted, targets, lengths=tuple(length for key in LENGTHS if isinstance(length := given.get(key), Tensor)))


def _own_loss_that_raised(trial: Trial, setup: TrainingSetup, batch: Any) -> list[Attempt]:
    """A loss of the user's own that indexes by class and raised: its targets beside the model's output."""
    root = trial.tape.root if trial.tape is not None else None
    if trial.attempts or root is None or not root.returned:
        return []
    predicted = prediction(root.output)
    if predicted is None or predicted.ndim < 2:
        return []
    found = [m.tensor.to(predicted.device) for m in members(batch, setup) if m.role == "target"]
    attempts = [Attempt("", predicted, targets) for targets in found if not targets.is_floating_point()]
    return [a for a in attempts if len(a.targets.shape) and bool(a.outside(a.targets).any())]


def _own_loss_deaf_to_the_last(trial: Trial, setup: TrainingSetup, batch: Any) -> list[Attempt]:
    """A loss of the user's own on labels 1..C beside C outputs, in which those of the last class pull at nothing: it counts from 0."""
    root = trial.tape.root if trial.tape is not None else None
    predicted = prediction(root.output) if root is not None and root.returned and not trial.attempts else None
    if predicted is None or predicted.ndim != 2 or predicted.shape[1] < 2 or not predicted.requires_grad or not trial.loss.requires_grad:
        return []
    found = [m.tensor.to(predicted.device).reshape(-1) for m in members(batch, setup) if m.role == "target" and not m.tensor.is_floating_point()]
    found = [t for t in found if len(t) == len(predicted) and int(t.min()) == 1 and int(t.max()) == predicted.shape[1]]
    if not found:
        return []
    (gradient,) = torch.autograd.grad(trial.loss, predicted, retain_graph=True, allow_unused=True)
    felt = None if gradient is None else (gradient != 0).any(1)
    if felt is None:
        return []
    return [Attempt("", predicted, t) for t in found if not bool(felt[t == predicted.shape[1]].any()) and bool(felt[t < predicted.shape[1]].all())]


def _own_loss_that_wraps(trial: Trial, setup: TrainingSetup, batch: Any) -> list[Attempt]:
    """A loss of the user's own that takes the output at the place of the label: one below 0 counts from the end, and pulls at another class."""
    root = trial.tape.root if trial.tape is not None else None
    predicted = prediction(root.output) if root is not None and root.returned and not trial.attempts else None
    if predicted is None or predicted.ndim != 2 or predicted.shape[1] < 3 or not predicted.requires_grad or not trial.loss.requires_grad:
        return []
    classes = predicted.shape[1]
    found = [m.tensor.to(predicted.device).reshape(-1) for m in members(batch, setup) if m.role == "target" and not m.tensor.is_floating_point()]
    found = [t for t in found if len(t) == len(predicted) and -classes <= int(t.min()) < 0 and int(t.max()) < classes]
    if not found:
        return []
    (gradient,) = torch.autograd.grad(trial.loss, predicted, retain_graph=True, allow_unused=True)
    pulled = None if gradient is None else gradient.argmin(1)  # the output that the loss wants to rise
    if pulled is None or not bool((gradient.amin(1) < 0).all()):
        return []
    return [Attempt("", predicted, t) for t in found if bool((pulled == t % classes).all())]


def _is_part(seen: Tensor, delivered: Tensor) -> bool:
    """Whether fewer labels arrive at the loss (shifted, masked, selected), and none that was not delivered."""
    if seen.is_floating_point() or delivered.is_floating_point() or seen.numel() >= delivered.numel():
        return False
    if torch.bool in (seen.dtype, delivered.dtype):  # a mask holds no labels
        return False
    return bool(torch.isin(seen.detach().cpu(), delivered.detach().cpu()).all())
