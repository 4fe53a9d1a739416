"""What the data look measured, in plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from nbdebug.data.between import BetweenLook
from nbdebug.data.classes import ClassLook
from nbdebug.data.classes.order import Order
from nbdebug.data.features import FeatureLook
from nbdebug.data.fingerprint import Fingerprint
from nbdebug.data.fixes import FixLook
from nbdebug.data.samples import SampleLook
from nbdebug.data.structure import StructureLook
from nbdebug.errors import NotChecked
from nbdebug.page import Collection, Panel

NAMED = 5  # places and values that a finding spells out
IDS = 24  # samples that the evidence of a finding names


@dataclass(frozen=True)
class Column:
    """Statistics of one column (or channel) over the samples read."""

    name: str  # "column 3", "channel 0", "all"
    mean: float
    std: float
    low: float
    high: float
    zeros: float  # share of exact zeros, 0..1


@dataclass(frozen=True)
class NonFinite:
    """NaN and Inf in one tensor, and what they do to the loss."""

    nan: int
    inf: int
    rows: int  # samples that hold any
    where: tuple[str, ...]  # the first of them: "dataset index 17", "batch 3 row 4"
    columns: tuple[str, ...]  # the first columns that hold any
    column_count: int
    mask_like: bool  # nothing but 0 and -Inf: an additive mask
    loss: float | None  # the loss of the first such batch; None when it could not be computed
    ids: tuple[int, ...] = ()  # dataset indices of the first of them; empty where the loader hides them
    gradient: str = ""  # the first parameter whose gradient is not finite then, though the loss is

    @property
    def harmless(self) -> bool:
        """Whether the loss of such a batch, and its gradients, came out finite."""
        return self.loss is not None and math.isfinite(self.loss) and not self.gradient


@dataclass(frozen=True)
class Labels:
    """Targets that are classes, as the loss counts them."""

    kind: str  # "classes" or "binary"
    loss: str  # "cross_entropy", …; "" when no torch loss was called
    plain: bool  # the training loss is that call's value on the model's own output: nothing compensates
    classes: int | None  # outputs of the head; None for binary targets
    ignore_index: int | None
    head: str  # dotted path of the module that made the predictions
    per_sample: bool  # one label per sample
    counts: tuple[tuple[float, int], ...]  # label → how often it was delivered; empty for pixels and tokens
    lowest: float  # label seen, the ignored one left out
    highest: float
    outside: int  # labels outside the domain
    outside_values: tuple[float, ...]  # the first distinct ones
    outside_where: tuple[str, ...]
    scored: bool | None  # whether the loss really scores those; None: none seen, or it could not be tried
    weights: tuple[float, ...]  # class weights of the loss; empty when there are none
    pos_weight: float | None
    order: Order | None
    dense: tuple[tuple[float, int], ...] = ()  # the same counts of labels with many a sample (pixels, tokens), where the loss weighs its classes
    present: tuple[tuple[int, int], ...] = ()  # of labels with many a sample, of a loss over few classes: those that are scored, and how many
    skipped: int = 0  # of them, those that the loss leaves out in the midst of others that it scores
    pulled: bool = False  # `weights` is how much a loss of the user's own was seen to pull at each class
    tags: tuple[tuple[int, float], ...] = ()  # of several tags at once with a pos_weight each: how often one holds, and that weight
    rows: int = 0  # samples that those counts are of


@dataclass(frozen=True)
class Field:
    """One tensor of the batches."""

    name: str  # "inputs", "targets", "input_ids"
    role: str  # "input" or "target"
    dtype: str
    shape: tuple[int, ...]  # in the first batch
    overall: Column | None  # None for what has no ordinary numbers
    columns: tuple[Column, ...]  # a sensible choice of them
    column_count: int
    constant: tuple[str, ...]  # the first constant columns
    constant_count: int
    edges: tuple[float, ...]  # (B + 1,)
    counts: tuple[int, ...]  # (B,)
    nonfinite: NonFinite | None
    labels: Labels | None


@dataclass(frozen=True)
class Broke:
    """What a training would end at."""

    batch: int  # 0-based, in the order of delivery
    index: str  # of the dataset; "" where it is the batch as a whole, or the loader hides it
    error: str  # in a sentence
    samples: int  # that raised
    batches: int  # that could not be put together, or are of another structure than the first
    read: int  # samples that were tried, good and broken
    ids: tuple[int, ...]  # of the samples that raised
    file: str  # of the user's own line; empty where it is not known, and in a cell
    line: int | None
    cell: int | None


@dataclass(frozen=True)
class LoaderLook:
    """What one pass over a loader showed."""

    name: str  # "train_loader" or "val_loader"
    batches: int  # read
    samples: int
    whole: bool  # the loader came to its end
    rewinds: bool  # False for iterable datasets: the pass has used up data
    sampler: str  # "sequential", "random", "own" (a class of yours) or "unknown"
    sampler_name: str
    structure: str  # of the first batch
    text_targets: str  # "list of str" when the targets are no tensors
    fields: tuple[Field, ...]
    error: str = ""  # what was raised on the way
    stopped: bool = False  # and whether reading ended there
    repeats: bool = False  # a sampler or a loader of one's own, "own" or "unknown", that gives every epoch in one order
    broke: Broke | None = None  # where training would end; None where it would not
    anew: bool = False  # in order, of a dataset that makes its samples up as they are read
    withheld: tuple[str, ...] = ()  # inputs that no part of the model was given in the first step


@dataclass(frozen=True)
class Scales:
    """How much the columns contribute to the first layer: spread of the column times the size of its weights."""

    widest: str
    widest_std: float
    narrowest: str
    narrowest_std: float
    ratio: float  # of the contributions
    loudest: str = ""  # the column of the largest RMS, sparse and constant ones left out
    loudest_rms: float = 0.0
    loudest_ratio: float = 0.0  # of its contribution, offset and all, to the median one of the others
    others: int = 0  # columns beside it
    sized: int = 0  # of these that have a mean and a deviation of the order of one


@dataclass(frozen=True)
class FirstLayer:
    """What the first layer with weights really receives, and makes of it."""

    path: str
    function: str  # "linear", "conv2d", "lstm", …
    field: str  # the tensor of the batch that reaches it unchanged; "" when the model prepares it
    rms: float  # of what it receives
    largest: float  # absolute value
    output_rms: float
    output_spread: float  # RMS over units of the deviation over samples
    bounded: bool  # its output is squashed, so its size says nothing
    normalised: bool  # a norm layer takes its output
    unit_rows: bool  # every sample adds up to one or has the length one
    scales: Scales | None
    farthest: float = math.inf  # value from the mean of all


@dataclass(frozen=True)
class DataLook:
    """What the loaders deliver, and what the loss and the first layers get of it."""

    loaders: tuple[LoaderLook, ...]  # train, then val
    layers: tuple[FirstLayer, ...]
    loss: float | None  # of the first batch
    step_error: str  # why that loss could not be computed; empty when it could
    structure: StructureLook | None = None  # None: not asked yet, or `unanswered` says why
    features: FeatureLook | None = None
    classes: ClassLook | None = None
    between: BetweenLook | None = None
    samples: SampleLook | None = None
    fixes: FixLook | None = None
    fingerprints: tuple[Fingerprint, ...] = ()  # train, then val
    unanswered: dict[str, str] = field(default_factory=dict)  # name of a question → what went wrong in it

    @property
    def train(self) -> LoaderLook:
        """The pass over the train_loader."""
        return self.loaders[0]

    def labels(self, loader: LoaderLook | None = None) -> list[tuple[Field, Labels]]:
        """The fields of a loader (train_loader by default) that are classes."""
        return [(field, field.labels) for field in (loader or self.train).fields if field.labels is not None]

    @property
    def collection(self) -> Collection | None:
        """The samples and columns that one can look through."""
        return self.samples.collection if self.samples is not None else None

    def panels(self) -> tuple[Panel, ...]:
        """What was read, class balance, statistics, histogram, samples."""
        from nbdebug.instruments.data_audit.panels import panels

        return panels(self)

    def answer(self, question: str) -> Any:
        """The look of this question. Raises NotChecked where there is none."""
        found = getattr(self, question)
        if found is None:
            raise NotChecked(self.unanswered.get(question, "the data was not read that far"))
        return found
