"""One look: the model in eval mode on the fixed batch, while nothing of its training is touched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.errors import NbdebugError
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import interrupts_wait, keepers
from nbdebug.untouched.session import Session

ROWS = 64  # at most; of predictions at many positions of a sample they are drawn evenly
KEEPERS = (keepers.modes, keepers.buffers, keepers.attributes, keepers.hooks, keepers.weights, keepers.random_state, keepers.compiler)


@dataclass(frozen=True)
class Look:
    """What was said of each row."""

    kind: str  # "classes", "binary" or "numbers"
    predicted: list[float]
    values: list[float]  # probability of the truth, or what a number is too high by
    truth: list[float]
    rows: list[str]


def look(model: nn.Module, batch: Any, losses: tuple[str, ...]) -> Look:
    """Asks the model. `losses` are the torch losses that it is trained with, which say what its numbers mean.

    Raises:
        NbdebugError: its predictions cannot be compared with the targets of this batch, or it cannot be called with it.
    """
    if type(model).__name__ == "FullyShardedDataParallel":
        raise NbdebugError("a sharded model cannot be asked by one process alone")
    model = model.module if isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)) else model
    with lent(model):
        model.eval()
        with torch.no_grad(), _no_casts_kept():
            device, dtype = next(((p.device, p.dtype) for p in model.parameters()), (torch.device("cpu"), torch.float32))
            moved = batches.map_tensors(lambda t: _as_weights(t.to(device), dtype), batch)
            call = batches.split(moved, model)
            outputs = model(*call.args, **call.kwargs)
            predictions, targets = batches.prediction(outputs), call.targets
            if predictions is None or not isinstance(targets, Tensor):
                raise NbdebugError(f"there is nothing to compare: the model gives {batches.describe(outputs)} for targets {batches.describe(targets)}")
            if _predicts_the_next(model) and predictions.shape[:-1] == targets.shape:
                predictions, targets = predictions[:, :-1], targets[:, 1:]
            return _read(predictions.detach(), targets, losses)


def _predicts_the_next(model: nn.Module) -> bool:
    """A causal language model of transformers shifts its labels itself."""
    return getattr(model, "loss_type", None) == "ForCausalLM" or type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))


@contextlib.contextmanager
def lent(model: nn.Module) -> Iterator[None]:
    """The model's modes, buffers, attributes and hooks, and the random states, given back afterwards; weights are not written to."""
    session = Session(TrainingSetup(model=model), False, modules=dict(model.named_modules()))
    with contextlib.ExitStack() as stack:
        with interrupts_wait():
            for keeper in KEEPERS:
                stack.callback(keeper(session))
        try:
            yield
        finally:
            with interrupts_wait():
                stack.close()


@contextlib.contextmanager
def _no_casts_kept() -> Iterator[None]:
    """Inside autocast a cast of a weight is kept for the next use, and one made here would have no gradient."""
    enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(enabled)


def _as_weights(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """In the precision of a model that is in another than the usual one, as the loop gives it."""
    return tensor.to(dtype) if tensor.dtype == torch.float32 and dtype in (torch.float16, torch.bfloat16, torch.float64) else tensor


def _read(predictions: Tensor, targets: Tensor, losses: tuple[str, ...]) -> Look:
    predictions = predictions.float()
    if not targets.is_floating_point() and predictions.ndim == targets.ndim + 1 and predictions.ndim > 1:
        return _classes(*_by_position(predictions, targets))
    if targets.is_floating_point() and targets.shape == predictions.shape and "cross_entropy" in losses and predictions.ndim == 2:
        return _classes(predictions, targets.argmax(1))
    if targets.numel() != predictions.numel():
        raise NbdebugError(f"predictions {tuple(predictions.shape)} and targets {tuple(targets.shape)} cannot be compared one by one")
    rows = _evenly(targets.numel())
    names = _names(targets.shape if targets.ndim else torch.Size([1]), rows)
    said, truth = predictions.reshape(-1)[rows], targets.reshape(-1)[rows].float()
    if _is_binary(targets, losses):
        chances = said if "binary_cross_entropy" in losses or (not losses and bool(((predictions >= 0) & (predictions <= 1)).all())) else said.sigmoid()
        right = torch.where(truth > 0.5, chances, 1 - chances)
        return Look("binary", (chances > 0.5).float().tolist(), right.tolist(), truth.tolist(), names)
    return Look("numbers", said.tolist(), (said - truth).tolist(), truth.tolist(), names)


def _by_position(predictions: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(n, C) and (n,): classes lie along dimension 1, or last, as those of a transformer."""
    last = predictions.shape[:-1] == targets.shape and predictions.shape[:1] + predictions.shape[2:] != targets.shape
    rows = predictions if last or predictions.ndim == 2 else predictions.movedim(1, -1)
    if rows.shape[:-1] != targets.shape:
        raise NbdebugError(f"predictions {tuple(predictions.shape)} and targets {tuple(targets.shape)} cannot be compared one by one")
    return rows.reshape(-1, rows.shape[-1]), targets


def _classes(rows: Tensor, targets: Tensor) -> Look:
    """(n, C) scores beside the classes."""
    flat = targets.reshape(-1)
    known = ((flat >= 0) & (flat < rows.shape[1])).nonzero().reshape(-1)  # not the ignored ones
    if not len(known):
        raise NbdebugError("none of the targets is a class of the model")
    places = known[_evenly(len(known)).to(known.device)]
    scores, truth = rows[places], flat[places].long()
    total = scores.sum(1)
    is_chances = bool((scores >= 0).all()) and bool(((total - 1).abs() < 1e-3).all())
    chances = scores if is_chances else scores.softmax(1)  # of logarithms of chances these again
    right = chances.gather(1, truth[:, None]).squeeze(1)
    return Look("classes", chances.argmax(1).float().tolist(), right.tolist(), truth.float().tolist(), _names(targets.shape, places.cpu()))


def _is_binary(targets: Tensor, losses: tuple[str, ...]) -> bool:
    if not bool(((targets == 0) | (targets == 1)).all()):
        return False
    return any(name.startswith("binary") for name in losses) or not losses


def _evenly(count: int) -> Tensor:
    return torch.linspace(0, count - 1, min(count, ROWS)).round().long()


def _names(shape: torch.Size, places: Tensor) -> list[str]:
    """ "sample 3", or "sample 3 [0, 7]" where it has several entries."""
    size = max(1, torch.Size(shape[1:]).numel())
    inside = [tuple(int(i) for i in torch.unravel_index(place % size, shape[1:])) if size > 1 else () for place in places]
    return [f"sample {int(place) // size}" + (f" [{', '.join(map(str, at))}]" if at else "") for place, at in zip(places, inside, strict=True)]


