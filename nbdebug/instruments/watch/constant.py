"""What a loss would be for the best prediction that is the same for every sample: the mark that learning has to pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nbdebug.instruments.watch.result import Constant

FIRST, EVERY, SELDOM = 8, 4, 16  # calls whose targets are looked at: the first ones, then one in four, of long loops one in a sixteenth of those before
ROWS, COLUMNS = 256, 64  # of one call that are kept, evenly spread
ENOUGH, MOST = 128, 8192  # rows below which nothing is said, and after which no more are kept
PER_CLASS = 20  # rows for each class that was met; with fewer, an entropy comes out too small
IGNORED = -100  # the class that torch leaves out unless it is told another
CLASSES = ("cross_entropy", "nll_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
DISTANCES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
FOREVER = 2**60  # calls
SMALL, WAITING = 2**14, 64  # bytes of targets that are copied whole, to be thinned out later, and how many of them; our choice


@dataclass(slots=True)
class _Targets:
    calls: int = 0
    due: int = 1  # call at which it is looked at again
    rows: int = 0
    kept: list[Tensor] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    classes: int = 0
    values: list[tuple[int, Any]] = field(default_factory=list)  # step, the loss
    form: tuple[Any, ...] | None = None  # of the call that was looked at last
    shapes: tuple[torch.Size, torch.Size, torch.dtype] | None = None  # of its prediction and target, and the kind of its numbers
    with_it: tuple[Any, ...] = ()  # the settings that it was given, as they came
    waiting: list[Tensor] = field(default_factory=list)  # targets of later calls of that form

    def goes_on(self, args: Any, kwargs: Any) -> bool:
        """Whether a call is as the one that was looked at last, but for how many there are."""
        if self.form is None or len(args) != 2:
            return False
        given, target = args
        same = given.__class__ is Tensor and target.__class__ is Tensor and target.is_cpu and (given.shape, target.shape, target.dtype) == self.shapes
        return (same or self.form == _form(args)) and len(self.with_it) == len(kwargs) and all(map(is_, self.with_it, kwargs.values()))

    def wait(self, function: str, step: int, value: Tensor, target: Tensor) -> None:
        """Keeps the target of such a call."""
        self.waiting.append((target.detach() if target.requires_grad else target).clone())
        self.rows += min(target.shape[0], ROWS)
        self.values.append((step, value.item() if value.is_cpu else value.detach()))
        if len(self.waiting) >= WAITING:
            self.settle(function)

    def settle(self, function: str) -> None:
        """What waits is thinned out: together, that costs less than each in its step."""
        waiting, self.waiting = self.waiting, []
        self.kept += [_rows(function, target, self.ignored) for target in waiting]

    @property
    def ignored(self) -> int:
        return self.settings.get("ignore_index", IGNORED)


class Constants:
    """Keeps a few targets of each loss function."""

    def __init__(self) -> None:
        self._known: dict[str, _Targets | None] = {}  # None: it cannot be told

    def seen(self, function: str, step: int, value: Tensor, args: Any, kwargs: Any, unseen: int = 0) -> int:
        """A loss function was called in a training step, and before that so many times unseen; gives how many of the calls that follow need only be counted."""
        if function not in self._known:
            self._known[function] = _Targets() if function in (*CLASSES, *BINARY, *DISTANCES) else None
        known = self._known[function]
        if known is None or known.rows >= MOST:
            return FOREVER
        known.calls = calls = known.calls + unseen + 1
        if calls >= known.due:
            known.due = calls + (1 if calls < FIRST else max(EVERY, calls // SELDOM))
            if known.goes_on(args, kwargs):
                known.wait(function, step, value, args[1])
            elif not self._keep(function, known, step, value, args, kwargs):
                self._known[function] = None
                return FOREVER
        return FOREVER if known.rows >= MOST else known.due - calls - 1

    def _keep(self, function: str, known: _Targets, step: int, value: Tensor, args: Any, kwargs: Any) -> bool:
        """Keeps what a call says of the targets; False where no constant can be told from it."""
        known.settle(function)
        names = ("input", "target") if function in DISTANCES else ("input", "target", "weight")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        kept = _targets(function, given.get("input"), given.get("target"), given)
        if kept is None or len(args) > len(names) or (known.kept and kept.shape[1:] != known.kept[0].shape[1:]):
            return False
        known.kept.append(kept)
        known.rows += len(kept)
        known.classes = given["input"].shape[1] if function in CLASSES and given["input"].dim() > 1 else 0
        known.settings = {n: given[n] for n in ("weight", "label_smoothing", "beta", "delta", "ignore_index") if given.get(n) is not None}
        known.values.append((step, value.detach()))
        known.form, known.with_it = _form(args), tuple(kwargs.values())
        known.shapes = (args[0].shape, args[1].shape, args[1].dtype) if known.form is not None else None
        return True

    def passed(self, function: str, calls: int) -> None:
        """So many calls of it need not be seen, and came."""
        if (known := self._known.get(function)) is not None:
            known.calls += calls

    def functions(self) -> tuple[str, ...]:
        """The loss functions that were called in training steps."""
        return tuple(self._known)

    def plain(self) -> tuple[Constant, ...]:
        found = []
        for function, known in self._known.items():
            if known is not None and known.rows >= ENOUGH:
                with torch.no_grad():
                    known.settle(function)
                    judged = _judged(function, known)
                if judged is not None:
                    found.append(Constant(function, judged[0], known.calls, judged[1]))
        return tuple(found)


def _judged(function: str, known: _Targets) -> tuple[float, tuple[tuple[int, float, float], ...]] | None:
    """The loss of the best constant prediction on all targets; and call by call, beside the actual one."""
    guess = _best(function, torch.cat(known.kept), known.classes, known.settings)
    if guess is None:
        return None
    of_calls = [_loss(function, guess, kept, known.settings) if len(kept) else math.nan for kept in known.kept]
    rows = [len(kept) for kept in known.kept]
    whole = sum(loss * count for loss, count in zip(of_calls, rows, strict=True) if count) / max(1, sum(rows))
    if not math.isfinite(whole):
        return None
    calls = zip(known.values, of_calls, strict=True)
    return whole, tuple((step, float(value), loss) for (step, value), loss in calls if math.isfinite(loss))


def _targets(function: str, given: Any, target: Any, settings: dict[str, Any]) -> Tensor | None:
    """Rows of targets on the CPU, one row a sample (or a position, for classes)."""
    if not isinstance(given, Tensor) or not isinstance(target, Tensor) or target.numel() == 0:
        return None
    if (settings.get("reduction") or "mean") != "mean" or settings.get("pos_weight") is not None:
        return None
    of_classes = function in CLASSES and not target.is_floating_point()
    if not of_classes and (target.shape != given.shape or settings.get("weight") is not None or (function in CLASSES and target.dim() != 2)):
        return None
    return _rows(function, target.detach(), settings.get("ignore_index", IGNORED))


def _rows(function: str, target: Tensor, ignored: int) -> Tensor:
    """Some of them, evenly spread."""
    if function in CLASSES and not target.is_floating_point():
        flat = _spread(target.reshape(-1), ROWS).cpu()
        return flat[flat != ignored]
    rows = _spread(target.reshape(len(target), -1) if target.dim() else target.reshape(1, 1), ROWS)
    return (rows if function in CLASSES else _spread(rows.T, COLUMNS).T).float().cpu()


def _form(args: Any) -> tuple[Any, ...] | None:
    """What the predictions and targets of a call are, but for how many; None where they are large, or anything else."""
    if len(args) != 2 or type(args[0]) is not Tensor or type(args[1]) is not Tensor:
        return None
    given, target = args
    of, shape = given.shape, target.shape
    if not shape or not shape[0] or not target.is_cpu or target.nbytes > SMALL:
        return None
    return of[1:], shape[1:], target.dtype, of == shape


def _spread(tensor: Tensor, most: int) -> Tensor:
    return tensor[:: max(1, len(tensor) // most)][:most]


def _best(function: str, targets: Tensor, classes: int, settings: dict[str, Any]) -> Tensor | None:
    """The prediction that is the same for all, and best for all: shares of the classes, chances, or the middle."""
    if function in CLASSES:
        return _shares(targets, classes, settings)
    if function in BINARY:  # targets of -1 and 1 have no best chance: the surer, the lower the loss
        within = bool(((targets >= 0) & (targets <= 1)).all())
        return targets.mean(0).clamp(1e-7, 1 - 1e-7) if within else None
    guesses = (targets.mean(0), targets.median(0).values)
    return min(guesses, key=lambda guess: _loss(function, guess, targets, settings))


def _shares(targets: Tensor, classes: int, settings: dict[str, Any]) -> Tensor | None:
    if targets.is_floating_point():
        shares = targets.mean(0)
    else:
        if targets.min() < 0 or targets.max() >= classes:
            return None
        counts = torch.bincount(targets.long(), minlength=classes).float()
        if len(targets) < PER_CLASS * int((counts > 0).sum()):
            return None
        weight = settings.get("weight")
        shares = counts if weight is None else counts * weight.detach().float().cpu()
    smoothing = settings.get("label_smoothing") or 0.0
    return (1 - smoothing) * shares / shares.sum() + smoothing / len(shares)


def _loss(function: str, guess: Tensor, targets: Tensor, settings: dict[str, Any]) -> float:
    """What this prediction gets on these targets."""
    if function in CLASSES:
        extra = {name: settings[name] for name in ("weight", "label_smoothing") if settings.get(name) is not None}
        extra = {name: value.detach().float().cpu() if isinstance(value, Tensor) else value for name, value in extra.items()}
        scores = guess.clamp_min(1e-12).log().expand(len(targets), -1)
        return float(F.cross_entropy(scores, targets if targets.is_floating_point() else targets.long(), **extra))
    if function in BINARY:
        return float(F.binary_cross_entropy(guess.expand_as(targets), targets))
    extra = {name: settings[name] for name in ("beta", "delta") if name in settings}
    return float(getattr(F, function)(guess.expand_as(targets), targets, **extra))
