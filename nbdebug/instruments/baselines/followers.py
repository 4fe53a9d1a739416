"""What follows each token, counted: of a language model what is linear in one token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nbdebug.instruments.baselines.columns import is_tokens
from nbdebug.instruments.baselines.constants import Guess
from nbdebug.instruments.baselines.task import Scored, Task

MOST_VOCABULARY = 8192  # of the table


def followers(task: Task, seen: Sequence[Scored]) -> tuple[Guess, str] | None:
    """For a language model, whose targets are as many as its tokens: what follows each token, counted."""
    first = seen[0]
    tokens = [ids for _, ids in first.inputs if is_tokens(ids) and ids.ndim == 2]
    if task.kind != "classes" or first.targets.is_floating_point() or len(tokens) != 1 or tokens[0].shape[1] < 2:
        return None
    ids, classes = tokens[0], first.shape[1]
    cut = ids.numel() - first.targets.numel()
    if cut not in (0, len(ids)) or classes > MOST_VOCABULARY or any(int(_present(one, cut).max()) >= MOST_VOCABULARY for one in seen):
        return None
    ignored = first.settings.get("ignore_index", -100)
    size = max(int(_present(one, cut).max()) for one in seen) + 1
    counts = torch.zeros(size * classes)
    for one in seen:
        before, after = _present(one, cut).cpu(), one.targets.reshape(-1).cpu()
        kept = after != ignored
        counts += torch.bincount(before[kept] * classes + after[kept], minlength=size * classes).float()
    counts = counts.reshape(size, classes)
    alone = (counts.sum(0) + 1.0 / classes) / (counts.sum() + 1.0)
    shares = (counts + alone) / (counts.sum(1, keepdim=True) + 1.0)  # as if each token had been seen once more, with what is usual

    def guess(scored: Scored) -> Tensor:
        before = _present(scored, cut).cpu()
        given = torch.where((before < size)[:, None], shares[before.clamp_max(size - 1)], alone).log()
        given = given.to(scored.targets.device)
        return given if len(scored.shape) == 2 else given.reshape(*scored.targets.shape, -1).movedim(-1, 1)

    return guess, "a table of what follows each token"


def _present(scored: Scored, cut: int) -> Tensor:
    """The token at each place that is scored; where the model shifts its labels itself, all but the last."""
    ids = next(t for _, t in scored.inputs if is_tokens(t) and t.ndim == 2)
    return (ids[:, :-1] if cut else ids).reshape(-1).long()
