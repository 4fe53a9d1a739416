"""The linear model: what a weighted sum of the inputs (or a count of the tokens) can tell of the targets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from nbdebug.instruments.baselines.columns import Columns, NoLinear, columns_of
from nbdebug.instruments.baselines.constants import Guess, descend
from nbdebug.instruments.baselines.followers import followers
from nbdebug.instruments.baselines.task import Scored, Task

MOST_ROWS = 8192  # that it is fitted on
MOST_WEIGHTS = 4_000_000
PENALTIES = (1e-3, 1e-1, 10.0)  # of the squared weights, of standardised columns, times the rows; the best on a fifth is taken
FIT_STEPS = 40  # of L-BFGS


def linear(task: Task, seen: Sequence[Scored]) -> tuple[Guess, str]:
    """The fitted model, and what it is in words.

    Raises:
        NoLinear: it cannot be had here; the reason is its text.
    """
    if task.kind == "":
        raise NoLinear("the loss is not a function of predictions and targets that nbdebug could call again")
    if (table := followers(task, seen)) is not None:
        return table
    if any(_is_input(one) for one in seen):
        raise NoLinear("the targets are the inputs, which a linear model copies")
    columns = columns_of(task, seen[0])
    outputs = 1 if columns.way == "pixels" and task.kind == "binary" else _outputs(task, seen[0])
    rows = torch.cat([columns.of(one) for one in seen])
    kept = _evenly(len(rows), MOST_ROWS)
    rows = rows[kept]
    if not rows.isfinite().all():
        raise NoLinear(f"{int((~rows.isfinite().all(1)).sum()):,} of {len(rows):,} rows of inputs hold NaN or Inf")
    center, scale = rows.mean(0), rows.std(0)
    scale = torch.where(scale > 1e-6 * scale.max().clamp_min(1e-12), scale, torch.inf)  # a constant column says nothing
    rows = (rows - center) / scale
    if rows.shape[1] * outputs > MOST_WEIGHTS:
        raise NoLinear(f"{rows.shape[1]:,} columns for {outputs:,} outputs are too many")
    targets = torch.cat([_target_rows(task, columns, one) for one in seen])[kept]
    weight, bias = _fitted(task, seen[0], rows, targets, outputs)

    def guess(scored: Scored) -> Tensor:
        given = (columns.of(scored) - center) / scale @ weight + bias  # (R, K)
        return _laid_out(_as_asked(task, given), scored, columns)

    return guess, f"{'logistic' if task.kind in ('classes', 'binary') else 'least squares'} {columns.how}, {len(rows):,} rows"


def _fitted(task: Task, scored: Scored, rows: Tensor, targets: Tensor, outputs: int) -> tuple[Tensor, Tensor]:
    """Weights (D, K) and bias (K,) with the penalty that does best on every fifth row."""
    apart = torch.arange(len(rows), device=rows.device) % 5 == 4
    if int(apart.sum()) < 5:
        return _solved(task, scored, rows, targets, outputs, PENALTIES[1])
    best, lowest = PENALTIES[1], float("inf")
    for penalty in PENALTIES:
        weight, bias = _solved(task, scored, rows[~apart], targets[~apart], outputs, penalty)
        with torch.no_grad():
            loss = float(_loss(task, scored, rows[apart] @ weight + bias, targets[apart]))
        if loss < lowest:
            best, lowest = penalty, loss
    return _solved(task, scored, rows, targets, outputs, best)


def _solved(task: Task, scored: Scored, rows: Tensor, targets: Tensor, outputs: int, penalty: float) -> tuple[Tensor, Tensor]:
    if task.kind == "numbers":  # in closed form
        flat, square = targets.reshape(len(targets), -1).double(), rows.double()
        mean, center = flat.mean(0), square.mean(0)
        square = square - center
        ridge = penalty * len(rows) * torch.eye(rows.shape[1], dtype=torch.float64, device=rows.device)
        weight = torch.linalg.solve(square.T @ square + ridge, square.T @ (flat - mean))
        return weight.float(), (mean - center @ weight).float()
    weight = torch.zeros(rows.shape[1], outputs, device=rows.device, requires_grad=True)
    bias = torch.zeros(outputs, device=rows.device, requires_grad=True)
    descend([weight, bias], lambda: _loss(task, scored, rows @ weight + bias, targets) + 0.5 * penalty * (weight**2).sum() / len(rows) ** 0.5, FIT_STEPS)
    return weight.detach(), bias.detach()


def _loss(task: Task, scored: Scored, given: Tensor, targets: Tensor) -> Tensor:
    if task.kind == "classes":
        shape = given.shape if targets.is_floating_point() else (len(given), given.shape[1])
        settings = {k: v for k, v in scored.settings.items() if k in ("weight", "ignore_index", "label_smoothing")}
        return F.cross_entropy(given.reshape(shape), targets, **settings)
    if task.kind == "binary":
        settings = {k: v for k, v in scored.settings.items() if k == "pos_weight" and scored.shape == tuple(given.shape)}
        return F.binary_cross_entropy_with_logits(given, targets.reshape(given.shape).float(), **settings)
    if task.kind == "numbers":
        return F.mse_loss(given, targets.reshape(given.shape).float())
    return task.mean_loss(Scored(len(given), targets, scored.shape, (), scored.settings), given.reshape(len(given), *scored.shape[1:]))


def _as_asked(task: Task, given: Tensor) -> Tensor:
    """Logits as what the loss takes."""
    if task.loss == "nll_loss":
        return given.log_softmax(1)
    return given.sigmoid() if task.loss == "binary_cross_entropy" else given


def _laid_out(given: Tensor, scored: Scored, columns: Columns) -> Tensor:
    """(R, K) rows in the shape of the model's predictions."""
    if columns.way == "pixels" or (columns.way == "positions" and len(scored.shape) == 3 and scored.targets.ndim == 2):
        return given.reshape(scored.shape[0], *scored.shape[2:], -1).movedim(-1, 1)
    return given.reshape(scored.shape)


def _target_rows(task: Task, columns: Columns, scored: Scored) -> Tensor:
    if task.kind == "classes" and not scored.targets.is_floating_point():
        return scored.targets.reshape(-1)
    if columns.way == "pixels":
        return scored.targets.reshape(-1, 1)
    return scored.targets if task.kind == "own" else scored.targets.reshape(scored.shape) if scored.targets.numel() == torch.Size(scored.shape).numel() else scored.targets


def _outputs(task: Task, scored: Scored) -> int:
    return scored.shape[1] if task.kind == "classes" else torch.Size(scored.shape[1:]).numel()


def _is_input(scored: Scored) -> bool:
    targets = scored.targets.reshape(-1)
    return any(t.numel() == targets.numel() and t.dtype == targets.dtype and torch.equal(t.reshape(-1), targets) for _, t in scored.inputs)


def _evenly(count: int, most: int) -> Tensor:
    return torch.linspace(0, count - 1, min(count, most)).round().long()
