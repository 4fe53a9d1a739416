"""Statistics of a tensor column by column, batch by batch, in one pass."""

from __future__ import annotations

import torch
from torch import Tensor

from nbdebug.instruments.data_audit.result import Column

BINS = 24
SHOWN = 24  # columns kept for the table
CHUNK = 500_000  # elements of a batch that are summed; of more, every k-th sample is taken
CONSTANT = 1e-6  # a column whose std is less than this share of its largest value does not vary


def column_axis(tensor: Tensor, *, channels_first: bool) -> tuple[int | None, str]:
    """The dimension that counts columns, and the field's word for one; None for tensors without columns."""
    if tensor.ndim < 2 or not (tensor.is_floating_point() or tensor.is_complex() or tensor.ndim in (2, 4)):
        return None, ""
    if tensor.ndim == 2:
        return (1, "column") if tensor.is_floating_point() or tensor.is_complex() else (None, "")
    channels_last = tensor.ndim == 4 and tensor.shape[-1] in (1, 3, 4) and tensor.shape[1] > 4
    if (tensor.ndim >= 4 and not channels_last) or channels_first:
        return 1, "channel"
    return tensor.ndim - 1, "channel" if tensor.ndim >= 4 else "column"


def by_column(values: Tensor, axis: int | None) -> Tensor:
    """The values as (rows, D); one column when there is no axis."""
    if axis is None:
        return values.reshape(-1, 1)
    return values.movedim(axis, -1).reshape(-1, values.shape[axis])


class ColumnTally:
    """Running sums of the finite values of every column.

    Sums are taken of the deviation from the first batch's mean, so that a column such as a time stamp (large mean,
    small spread) keeps its digits.
    """

    def __init__(self, first: Tensor, axis: int | None, word: str) -> None:
        self.axis, self.word = axis, word
        rows = self._rows(first)
        finite = torch.isfinite(rows)
        filled = rows.where(finite, 0)
        self.shift = filled.sum(0) / finite.sum(0).clamp(min=1)  # (D,)
        width = rows.shape[1]
        self.count = torch.zeros(width, dtype=torch.float64)
        self.total, self.squares, self.zeros = (torch.zeros(width, dtype=torch.float64) for _ in range(3))
        self.low = torch.full((width,), float("inf"), dtype=torch.float64)
        self.high = -self.low
        self.edges = self._first_edges(rows[finite])
        self.bins = torch.zeros(BINS, dtype=torch.int64)

    def add(self, values: Tensor) -> None:
        """One more batch, of the same number of columns."""
        rows = self._rows(values)
        finite = torch.isfinite(rows)
        deviation = (rows - self.shift).where(finite, 0)  # (rows, D)
        self.count += finite.sum(0)
        self.total += deviation.sum(0, dtype=torch.float64)
        self.squares += deviation.square().sum(0, dtype=torch.float64)
        self.zeros += (rows == 0).sum(0)
        self.low = torch.minimum(self.low, rows.where(finite, float("inf")).amin(0).double())
        self.high = torch.maximum(self.high, rows.where(finite, float("-inf")).amax(0).double())
        inside = rows[finite].clamp(float(self.edges[0]), float(self.edges[-1]))  # outliers fall into the end bins
        self.bins += torch.histc(inside, BINS, float(self.edges[0]), float(self.edges[-1])).long()

    def fits(self, values: Tensor) -> bool:
        """Whether a later batch has the same columns."""
        return values.numel() > 0 and (self.axis is None or (values.ndim > self.axis and self._width(values) == self.width))

    @property
    def width(self) -> int:
        """D, the number of columns."""
        return len(self.shift)

    @property
    def std(self) -> Tensor:
        """(D,), of the samples read."""
        count = self.count.clamp(min=1)
        return ((self.squares - self.total.square() / count) / count).clamp(min=0).sqrt()

    @property
    def mean(self) -> Tensor:
        """(D,), of the samples read."""
        return self.shift.double() + self.total / self.count.clamp(min=1)

    @property
    def constant(self) -> Tensor:
        """(D,) bool: columns that never vary."""
        return self.std <= CONSTANT * torch.maximum(self.low.abs(), self.high.abs()).nan_to_num(posinf=0.0)

    def name(self, index: int) -> str:
        """What column `index` is called."""
        return f"{self.word} {index}" if self.word else "all"

    def columns(self) -> tuple[Column, ...]:
        """All of them when few; else those that stand out: the narrowest and the widest."""
        if self.width <= SHOWN:
            chosen = list(range(self.width))
        else:
            ranked = torch.argsort(self.std).tolist()
            chosen = sorted(ranked[: SHOWN // 2] + ranked[-SHOWN // 2 :])
        mean, std = self.mean, self.std
        return tuple(self._column(index, float(mean[index]), float(std[index])) for index in chosen)

    def overall(self) -> Column:
        """All columns taken as one."""
        count, mean = self.count.sum().clamp(min=1), self.mean
        centre = (mean * self.count).sum() / count
        spread = ((self.std.square() + (mean - centre).square()) * self.count).sum() / count
        zeros = float(self.zeros.sum() / count)
        return Column("all", float(centre), float(spread.sqrt()), float(self.low.min()), float(self.high.max()), zeros)

    def _column(self, index: int, mean: float, std: float) -> Column:
        zeros = float(self.zeros[index] / self.count[index].clamp(min=1))
        return Column(self.name(index), mean, std, float(self.low[index]), float(self.high[index]), zeros)

    def _rows(self, values: Tensor) -> Tensor:
        every = max(1, values.numel() // CHUNK)
        return by_column(values[::every] if every > 1 and len(values) > every else values, self.axis)

    def _width(self, values: Tensor) -> int:
        return values.shape[self.axis] if self.axis is not None else 1

    def _first_edges(self, finite: Tensor) -> Tensor:
        low, high = (float(finite.min()), float(finite.max())) if finite.numel() else (0.0, 1.0)
        if low == high:
            low, high = low - 0.5, high + 0.5
        return torch.linspace(low, high, BINS + 1, dtype=torch.float64)
