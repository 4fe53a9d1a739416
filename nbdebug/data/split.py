"""All that is known of one loader when the pass over it is over. Lives in memory only; what reports keep are the looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy

from nbdebug.loading import Lost

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
KINDS = ("image", "tokens", "text", "tabular", "series", "audio", "classes", "quantity", "mask", "boxes", "category", "time", "other")


@dataclass(frozen=True)
class Columns:
    """Statistics of every column (channel, or the whole field) over all that was read; arrays of (D,)."""

    names: tuple[str, ...]  # "age", "column 3", "channel 0", "all"
    dtypes: tuple[str, ...]
    count: numpy.ndarray  # values, the missing ones included
    missing: numpy.ndarray  # NaN, None, NaT
    infinite: numpy.ndarray
    mean: numpy.ndarray  # of the finite values, as are all that follow; NaN where there are none
    std: numpy.ndarray
    skew: numpy.ndarray
    kurtosis: numpy.ndarray  # excess: 0 for a normal distribution
    low: numpy.ndarray
    high: numpy.ndarray
    zeros: numpy.ndarray
    negative: numpy.ndarray
    distinct: numpy.ndarray  # how many different values
    exact: numpy.ndarray  # bool: whether `distinct` is counted, and not estimated
    quantiles: numpy.ndarray  # (D, 9) at QUANTILES; of the sampled rows, but for the ends
    rank_error: float = 0.0  # how far the rank of a quantile may be off, 0..1, but once in a hundred; 0: of all rows


@dataclass(frozen=True)
class FieldData:
    """One field of the batches."""

    name: str
    role: str  # "input" or "target"
    kind: str  # one of KINDS
    dtype: str
    shapes: dict[tuple[int, ...], int]  # shape of a sample → how many had it
    columns: Columns | None  # of numbers
    sample: Any  # of the sampled rows, in the order of Split.ids: (K, D) numbers as float64 for tabular, series and quantity;
    # (K,) int64 for classes, (K, h, w, C) float32 thumbnails for image, a list of int64 arrays for tokens, list[str] for text …
    facts: Any = None  # what only this kind has: an ImageFacts, SequenceFacts, CategoryFacts, BoxFacts …
    axis_names: tuple[str, ...] = ()  # names of the columns of `sample`


@dataclass(frozen=True)
class Prints:
    """Content hashes of samples: of all of them, or of those whose hash is below a bound, so that two splits keep the same ones."""

    hashes: numpy.ndarray  # (M,) uint64, in no order
    ids: numpy.ndarray  # (M,) int64, of the samples
    bound: int  # hashes below it were kept; 2**64 when all were
    left_out: int = 0  # samples that share a kept hash with 16 others and more, where there were too many to keep


@dataclass(frozen=True)
class Split:
    """One loader, read."""

    name: str  # "train_loader", "val_loader", "data", "val"
    about: str  # "DataFrame of 569 rows and 31 columns", "DataLoader of TensorDataset"
    samples: int
    batches: int
    total: int | None  # samples that there are, when that is known
    whole: bool  # all of it was read
    seconds: float
    by_index: bool  # ids are dataset indices
    rewinds: bool
    fields: tuple[FieldData, ...]
    ids: numpy.ndarray  # (K,) of the sampled rows, drawn evenly from all that was read; sorted in order of delivery
    inputs: Prints  # of what the model gets
    pairs: Prints  # of inputs and targets together
    fetch: Callable[[int], Any] | None = None  # the dataset's own item by index; None for streams
    dataset: Any = None
    first: Any = None  # the first batch, as delivered
    stopped: str = ""  # why reading ended early
    notes: tuple[str, ...] = field(default_factory=tuple)  # what was left out, and why
    lost: tuple[Lost, ...] = ()  # samples that raised when they were read, at most 16 of them
    ordered: bool = True  # the order is that of a loader of the user's; False for a bare dataset, table, folder or arrays
    scored: tuple[str, ...] = ()  # fields that were seen to be targets of the loss

    def input(self) -> FieldData | None:
        """The field that a model learns from: the first input that is no text beside numbers."""
        return next((f for f in self.fields if f.role == "input" and f.kind not in ("other",)), None)

    def target(self) -> FieldData | None:
        """The first target."""
        return next((f for f in self.fields if f.role == "target"), None)

    def named(self, name: str) -> FieldData | None:
        """The field of this name."""
        return next((f for f in self.fields if f.name == name), None)

    def name_of(self, number: int) -> str:
        """`dataset index 17`, or `sample 17` where the loader hides its indices."""
        return f"{'dataset index' if self.by_index else 'sample'} {number}"
