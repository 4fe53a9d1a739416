"""What a loss would be for the best prediction that is the same for every sample: the mark that learning has to pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nbdebug.instruments.watch.result import Constant

FIRST, EVERY = 8, 4  # calls whose targets are looked at: the first ones, then one in so many
ROWS, COLUMNS = 256, 64  # of one call that are kept, evenly spread
ENOUGH, MOST = 128, 8192  # rows below which nothing is said, and after which no more are kept
PER_CLASS = 20  # rows for each class that was met; with fewer, an entropy comes out too small
CLASSES = ("cross_entropy", "nll_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
DISTANCES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


@dataclass
class _Targets:
    calls: int = 0
    rows: int = 0
    kept: list[Tensor] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    classes: int = 0
    values: list[tuple[int, Any]] = field(default_factory=list)  # step, the loss


class Constants:
    """Keeps a few targets of each loss function."""

    def __init__(self) -> None:
        self._known: dict[str, _Targets | None] = {}  # None: it cannot be told

    def seen(self, function: str, step: int, value: Tensor, args: Any, kwargs: Any) -> None:
        """A loss function was called in a training step."""
        known = self._known.setdefault(function, _Targets() if function in (*CLASSES, *BINARY, *DISTANCES) else None)
        if known is None or known.rows >= MOST:
            return
        known.calls += 1
        if known.calls > FIRST and known.calls % EVERY:
            return
        given = {**dict(zip(("input", "target"), args, strict=False)), **kwargs}
        kept = _targets(function, given.get("input"), given.get("target"), given)
        if kept is None or len(args) > 2 or (known.kept and kept.shape[1:] != known.kept[0].shape[1:]):
            self._known[function] = None
            return
        known.kept.append(kept)
        known.rows += len(kept)
        known.classes = given["input"].shape[1] if function in CLASSES and given["input"].dim() > 1 else 0
        known.settings = {n: given[n] for n in ("weight", "label_smoothing", "beta", "delta") if given.get(n) is not None}
        known.values.append((step, value.detach()))

    def plain(self) -> tuple[Constant, ...]:
        found = []
        for function, known in self._known.items():
            if known is not None and known.rows >= ENOUGH:
                with torch.no_grad():
                    loss = _best(function, torch.cat(known.kept), known.classes, known.settings)
                if loss is not None and math.isfinite(loss):
                    found.append(Constant(function, loss, known.calls, tuple((s, float(v)) for s, v in known.values)))
        return tuple(found)


def _targets(function: str, given: Any, target: Any, settings: dict[str, Any]) -> Tensor | None:
    """Rows of targets on the CPU, one row a sample (or a position, for classes)."""
    if not isinstance(given, Tensor) or not isinstance(target, Tensor) or target.numel() == 0:
        return None
    if (settings.get("reduction") or "mean") != "mean" or settings.get("pos_weight") is not None:
        return None
    target = target.detach()
    if function in CLASSES and not target.is_floating_point():
        flat = _spread(target.reshape(-1), ROWS).cpu()
        return flat[flat != settings.get("ignore_index", -100)]
    if target.shape != given.shape or settings.get("weight") is not None:
        return None
    rows = _spread(target.reshape(len(target), -1) if target.dim() else target.reshape(1, 1), ROWS)
    if function in CLASSES:
        return rows.float().cpu() if target.dim() == 2 else None
    return _spread(rows.T, COLUMNS).T.float().cpu()


def _spread(tensor: Tensor, most: int) -> Tensor:
    return tensor[:: max(1, len(tensor) // most)][:most]


def _best(function: str, targets: Tensor, classes: int, settings: dict[str, Any]) -> float | None:
    if function in CLASSES:
        return _entropy(targets, classes, settings)
    if function in BINARY:
        mean = targets.mean(0).clamp(1e-7, 1 - 1e-7)
        return float(F.binary_cross_entropy(mean, mean))
    distance = getattr(F, function)
    extra = {name: settings[name] for name in ("beta", "delta") if name in settings}
    guesses = (targets.mean(0, keepdim=True), targets.median(0, keepdim=True).values)
    return min(float(distance(guess.expand_as(targets), targets, **extra)) for guess in guesses)


def _entropy(targets: Tensor, classes: int, settings: dict[str, Any]) -> float | None:
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
    shares = shares / shares.sum()
    smoothing = settings.get("label_smoothing") or 0.0
    shares = (1 - smoothing) * shares + smoothing / max(1, classes)
    return float(-torch.special.xlogy(shares, shares).sum())
