"""Running statistics of batch norm that are still what they began as: too small a momentum for so few batches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nbdebug.listening import plain_path


@dataclass(frozen=True)
class Statistics:
    """The running statistics of one batch norm that began at mean 0 and variance 1."""

    path: str
    momentum: float
    batches: int  # that they were made from
    left: float  # share of the beginning that is in them: (1 - momentum) to the power of the batches
    shift: float  # from the mean of the batches, in their standard deviations, of the middle channel
    ratio: float  # between their variance and that of the batches, at least 1, of the middle channel


def fresh(parts: Iterable[tuple[str, nn.Module]]) -> tuple[str, ...]:
    """Paths of the batch norms among these that have seen nothing yet."""
    return tuple(plain_path(path) for path, part in parts if isinstance(part, _BatchNorm) and _is_fresh(part))


def _is_fresh(part: _BatchNorm) -> bool:
    mean, variance, seen = part.running_mean, part.running_var, part.num_batches_tracked
    if mean is None or variance is None or seen is None or part.momentum is None:
        return False
    return int(seen) == 0 and bool((mean == 0).all()) and bool((variance == 1).all())


def copied_without(module: nn.Module, norms: Collection[str]) -> tuple[str, ...]:
    """Of these batch norms those that still have seen nothing."""
    still = set(fresh(module.named_modules())) if norms else set()
    return tuple(path for path in norms if path in still)


def copies(module: nn.Module, norms: Collection[str], followed: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Of these batch norms those that have seen nothing, whose part follows the weights of another part; each with the one it is a copy of.

    Args:
        followed: paths of the parameters that moved, and that no optimizer holds.
    """
    still = copied_without(module, norms) if followed else ()
    parts = {plain_path(path): part for path, part in module.named_modules() if isinstance(part, _BatchNorm)}
    found = []
    for path in still:
        home = path.rpartition(".")[0]
        alike = (other for other, part in parts.items() if other not in still and _name(other) == _name(path) and part.num_features == parts[path].num_features)
        source = next(alike, None)
        if home and source is not None and any(parameter.startswith(f"{home}.") for parameter in followed):
            found.append((path, source))
    return tuple(found)


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def plain(module: nn.Module, norms: Collection[str]) -> Iterator[Statistics]:
    """What they are by now. The batches' own statistics follow from what was mixed into the beginning, and in what share."""
    for path, part in ((plain_path(path), part) for path, part in module.named_modules()):
        if path not in norms or not isinstance(part, _BatchNorm):
            continue
        mean, variance, seen = part.running_mean, part.running_var, part.num_batches_tracked
        if mean is None or variance is None or seen is None or part.momentum is None or int(seen) == 0:
            continue
        left = (1 - part.momentum) ** int(seen)
        if not 0 < left < 1:
            continue
        began, mean, variance = torch.ones_like(variance).double(), mean.detach().double(), variance.detach().double()
        of_batches, spread = mean / (1 - left), (variance - left * began) / (1 - left)
        if not bool((spread > 0).all()):  # other numbers were loaded in between
            continue
        ratio = (variance / spread).clamp_min(1e-30)
        yield Statistics(
            path, float(part.momentum), int(seen), left, _middle((mean - of_batches).abs() / spread.sqrt()), _middle(torch.maximum(ratio, 1 / ratio)),
        )  # fmt: skip


def _middle(values: torch.Tensor) -> float:
    return float(values.flatten().sort().values[values.numel() // 2])
