"""How much more the entries of a sequence tell of its target in their order than without it: a kernel ridge regression, leaving one sample out, on either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

GAIN, SURE = 0.1, 5.0  # of the targets' variance, and of the standard error of the difference, that the order must tell; our choice
RIDGES, WIDTHS = (1e-3, 1e-2, 1e-1, 1.0), (0.3, 1.0)
WAVES = 256  # random ones, in which an entry is written before entries are averaged


def told(entries: Tensor, targets: Tensor) -> tuple[float, float] | None:
    """What share of the targets' variance the sequences tell in their order, and without it; None when the order tells no more."""
    if not bool(entries.isfinite().all()) or not bool(targets.isfinite().all()) or _tells_its_place(entries):
        return None
    targets = targets - targets.mean(0)
    spread = targets.square().sum()
    if not spread:
        return None
    generator = torch.Generator().manual_seed(0)
    orders = torch.rand(entries.shape[:2], generator=generator).argsort(1)
    mixed = entries.gather(1, orders[..., None].expand_as(entries))
    told = _least(_in_order(entries), targets)
    if float(told.sum() / spread) > 1 - GAIN:
        return None
    without = _least((*_as_sets(entries), *_in_order(mixed)), targets)
    gained = without - told
    gain = float(gained.sum() / spread)
    sure = float(gained.mean() / (gained.std() / len(gained) ** 0.5).clamp_min(1e-30))
    if gain < GAIN or sure < SURE:
        return None
    return 1 - float(told.sum() / spread), max(0.0, 1 - float(without.sum() / spread))


def _tells_its_place(entries: Tensor) -> bool:
    """Whether a column of the entries says which place they have: it is the same in all samples, or rises in each."""
    steps = entries.diff(dim=1)
    same = (entries.std(0) < 1e-6).all(0) & (entries.std(1) > 1e-6).any(0)
    return bool(same.any()) or bool(((steps >= 0).all(1) | (steps <= 0).all(1)).double().mean(0).max() > 0.9)


def _in_order(entries: Tensor) -> Iterator[Tensor]:
    """Kernels (N, N) that know which entry stands where, or what stands beside what."""
    yield from _near(entries.flatten(1))
    yield from _near(_averaged(torch.cat([entries[:, :-1], entries[:, 1:]], 2)))


def _as_sets(entries: Tensor) -> Iterator[Tensor]:
    """Kernels that know the entries alone."""
    yield from _near(_averaged(entries))
    yield from _near(torch.cat([entries.mean(1), entries.std(1), entries.amax(1), entries.amin(1)], 1))


def _averaged(entries: Tensor) -> Tensor:
    """(N, WAVES): what the entries are like, whatever their order (random Fourier features, Rahimi & Recht 2007)."""
    generator = torch.Generator().manual_seed(1)
    width = entries.flatten(0, 1).std(0).square().sum().sqrt().clamp_min(1e-12)
    drawn = torch.randn(entries.shape[2], WAVES, generator=generator, dtype=entries.dtype) / width * 2
    return (entries @ drawn + 6.2832 * torch.rand(WAVES, generator=generator, dtype=entries.dtype)).cos().mean(1)


def _near(rows: Tensor) -> Iterator[Tensor]:
    apart = torch.cdist(rows, rows).square()
    for width in WIDTHS:
        yield (-width * apart / apart.median().clamp_min(1e-30)).exp()


def _least(kernels: Iterable[Tensor], targets: Tensor) -> Tensor:
    return min((_missed(kernel, targets) for kernel in kernels), key=lambda missed: float(missed.sum()))


def _missed(kernel: Tensor, targets: Tensor) -> Tensor:
    """(N,): the squared error for each sample of the learner that was given all others (ridge regression, leaving one out)."""
    tried = []
    for ridge in RIDGES:
        inverse = torch.linalg.inv(kernel + ridge * torch.eye(len(kernel), dtype=kernel.dtype))
        tried.append((inverse @ targets / inverse.diagonal()[:, None]).square().sum(1))
    return min(tried, key=lambda missed: float(missed.sum()))
