"""Predictions that ignore the inputs: the best that is the same for every sample, and the best at every position."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nbdebug.instruments.baselines.task import LOGITS, Scored, Task

TINY = 1e-6  # share below which a probability is not taken, so that its logarithm stays finite
FEWEST_AT_A_POSITION = 20  # samples, from which on shares at one position mean something; our choice
MOST_AT_POSITIONS = 20_000_000  # numbers that the shares at all positions may be
FIT_STEPS = 60  # of L-BFGS, for a loss of the user's own

Guess = Callable[[Scored], Tensor]  # the predictions for a batch


def constant(task: Task, seen: Sequence[Scored]) -> Guess:
    """The best prediction that is the same for all: shares of the classes, chances, the mean or the median."""
    if task.kind == "classes":
        shares = _shares(seen)
        return lambda scored: _spread(_as_predictions(task, shares, scored), scored, 1)
    if task.kind == "own":
        return _fitted(task, seen)
    targets = torch.cat([_rows(one) for one in seen])
    if task.kind == "binary":
        given = _chances(targets.float().mean(0), task, seen[0])
    elif task.loss == "mse_loss":
        given = targets.float().mean(0)
    else:
        given = targets.float().median(0).values
    return lambda scored: given.to(scored.targets.device).expand(scored.shape[0], *given.shape).reshape(scored.shape)


def at_positions(task: Task, seen: Sequence[Scored]) -> Guess | None:
    """For classes at many positions of a sample: the shares at each. None where positions cannot be told, or are seen too rarely."""
    first = seen[0]
    laid_out = len(first.shape) > 2 and not first.targets.is_floating_point()
    flat = len(first.shape) == 2 and first.targets.ndim == 1 and len(first.targets) > first.samples and len(first.targets) % first.samples == 0
    if task.kind != "classes" or not (laid_out or flat):
        return None
    layout = first.targets.shape[1:] if laid_out else (len(first.targets) // first.samples,)
    if any(one.targets.numel() != one.samples * layout.numel() if laid_out else len(one.targets) != one.samples * layout[0] for one in seen):
        return None
    targets = torch.cat([one.targets.reshape(one.samples, -1) for one in seen])  # (N, positions)
    classes, ignored = first.shape[1], first.settings.get("ignore_index", -100)
    if len(targets) < FEWEST_AT_A_POSITION or classes * targets.shape[1] > MOST_AT_POSITIONS:
        return None
    everywhere = _shares(seen)
    counts = torch.stack([((targets == k) & (targets != ignored)).sum(0) for k in range(classes)], 1).float()  # (positions, C)
    shares = (counts + everywhere) / (counts.sum(1, keepdim=True) + 1)  # one more sample, as it is everywhere

    def guess(scored: Scored) -> Tensor:
        given = torch.stack([_as_predictions(task, row, scored) for row in shares.unbind()]).to(scored.targets.device)  # (positions, C)
        if not laid_out:
            return given.repeat(scored.samples, 1)
        return given.T.reshape(1, classes, *layout).expand(scored.shape)

    return guess


def middle(task: Task, seen: Sequence[Scored]) -> Tensor | None:
    """The mean target of a regression, which R² compares with."""
    return torch.cat([_rows(one) for one in seen]).float().mean(0) if task.kind == "numbers" else None


def _shares(seen: Sequence[Scored]) -> Tensor:
    """(C,) of the classes among the targets that count, as their weights have them."""
    classes, total = seen[0].shape[1], 0
    for one in seen:
        if one.targets.is_floating_point():
            total = total + one.targets.movedim(1, -1).reshape(-1, classes).sum(0).cpu()
        else:
            kept = one.targets[one.targets != one.settings.get("ignore_index", -100)]
            total = total + torch.bincount(kept.reshape(-1).cpu(), minlength=classes).float()
    weight = seen[0].settings.get("weight")
    total = total if weight is None else total * weight.detach().float().cpu()
    return total / total.sum().clamp_min(TINY)


def _as_predictions(task: Task, shares: Tensor, scored: Scored) -> Tensor:
    """Logarithms of the shares, with the smoothing that the loss asks for."""
    smoothing = scored.settings.get("label_smoothing") or 0.0
    return (shares * (1 - smoothing) + smoothing / len(shares)).clamp_min(TINY).log().to(scored.targets.device)


def _chances(chances: Tensor, task: Task, scored: Scored) -> Tensor:
    weight = scored.settings.get("pos_weight")
    if weight is not None:
        weighted = chances * weight.detach().float().cpu().reshape(-1)
        chances = weighted / (weighted + 1 - chances)
    return torch.logit(chances, eps=TINY) if task.loss == LOGITS else chances.clamp(TINY, 1 - TINY)


def _rows(scored: Scored) -> Tensor:
    """(n, …) targets in the layout of the predictions."""
    targets = scored.targets.detach().cpu()
    return targets.reshape(scored.shape) if targets.numel() == torch.Size(scored.shape).numel() else targets.expand(scored.shape)


def _spread(given: Tensor, scored: Scored, dim: int) -> Tensor:
    """(C,) made the size of the predictions, along their class dimension."""
    shape = [1] * len(scored.shape)
    shape[dim] = len(given)
    return given.reshape(shape).expand(scored.shape)


def _fitted(task: Task, seen: Sequence[Scored]) -> Guess:
    """For a loss of the user's own: the constant that it is lowest for."""
    shape = seen[0].shape[1:]
    given = torch.zeros(shape)
    if all(torch.Size(one.shape) == one.targets.shape and one.targets.is_floating_point() for one in seen):
        given = torch.cat([one.targets.float().cpu() for one in seen]).mean(0)
    given = given.to(seen[0].targets.device).requires_grad_()
    descend([given], lambda: sum(task.mean_loss(one, given.expand(one.shape)) * one.samples for one in seen) / sum(one.samples for one in seen))
    fixed = given.detach()
    return lambda scored: fixed.expand(scored.shape)


def descend(parameters: list[Tensor], loss: Callable[[], Tensor], steps: int = FIT_STEPS) -> None:
    """A few steps of L-BFGS."""
    optimizer = torch.optim.LBFGS(parameters, max_iter=steps, line_search_fn="strong_wolfe", history_size=10, tolerance_change=1e-7)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
