"""What is kept of one tensor of the batches while a loader is read."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from nbdebug.data.classes.order import label_order
from nbdebug.instruments.data_audit.eye.columns import ColumnTally, by_column, column_axis
from nbdebug.instruments.data_audit.eye.members import Member, numbers
from nbdebug.instruments.data_audit.eye.trial import Attempt, Trial
from nbdebug.instruments.data_audit.result import IDS, NAMED, Field, Labels, NonFinite

FEW = 200  # classes of pixels or tokens, of which each is counted
KINDS = 10_000  # distinct labels that are listed


@dataclass(frozen=True)
class Place:
    """Which samples a batch holds, for naming them."""

    number: int  # of the batch
    indices: tuple[Any, ...] | None
    size: int | None  # samples
    of_samples: bool = True  # rows are samples for certain, and not the steps of one sequence or the nodes of one graph

    def rows(self, tensor: Tensor, wrong: Tensor) -> tuple[int, list[str]]:
        """How many samples hold a True, and the names of the first."""
        if tensor.ndim == 0 or tensor.shape[0] != self.size:
            return 1, [f"batch {self.number}"]
        rows = wrong.reshape(len(wrong), -1).any(1).nonzero()[:, 0].tolist()
        return len(rows), [self.name(row) for row in rows[:NAMED]]

    def ids(self, tensor: Tensor, wrong: Tensor) -> list[int]:
        """Dataset indices of the first samples that hold a True; none where the loader hides them."""
        if not self.indices or tensor.ndim == 0 or tensor.shape[0] != self.size:
            return []
        rows = wrong.reshape(len(wrong), -1).any(1).nonzero()[:IDS, 0].tolist()
        return [int(self.indices[row]) for row in rows if isinstance(self.indices[row], Integral)]

    def name(self, row: int) -> str:
        """`dataset index 17`, or `batch 3 row 4` when the loader hides its indices."""
        return f"dataset index {self.indices[row]}" if self.indices else f"batch {self.number} row {row}"


@dataclass
class NonFiniteTally:
    """NaN and Inf counted; one loss is tried, of the first batch that has any."""

    nan: int = 0
    inf: int = 0
    rows: int = 0
    where: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    columns: Tensor | None = None  # (D,) bool
    mask_like: bool = True
    tried: bool = False
    loss: float | None = None
    gradient: str = ""

    def add(self, values: Tensor, place: Place, axis: int | None) -> bool:
        """One more batch; returns whether it holds the first non-finite values."""
        if bool(torch.isfinite(values.sum())):  # one pass without a mask: a sum with a NaN or Inf is not finite
            return False
        wrong = ~torch.isfinite(values)
        if not bool(wrong.any()):  # finite values may add up to Inf
            return False
        first = not self.rows
        nan = int(torch.isnan(values).sum())
        rows, where = place.rows(values, wrong)
        self.nan, self.inf, self.rows = self.nan + nan, self.inf + int(wrong.sum()) - nan, self.rows + rows
        self.where = (self.where + where)[:NAMED]
        self.ids = (self.ids + place.ids(values, wrong))[:IDS]
        hit = by_column(wrong, axis).any(0)
        together = self.columns is not None and len(self.columns) == len(hit)
        self.columns = self.columns | hit if together else hit
        self.mask_like = self.mask_like and nan == 0 and bool(((values == 0) | torch.isneginf(values)).all())
        return first

    def look(self, word: str) -> NonFinite | None:
        """The plain form; None when all is finite."""
        if not self.rows:
            return None
        hit = self.columns.nonzero()[:, 0].tolist() if word and self.columns is not None else []
        named = tuple(f"{word} {index}" for index in hit[:NAMED])
        where, ids = tuple(self.where), tuple(self.ids)
        return NonFinite(self.nan, self.inf, self.rows, where, named, len(hit), self.mask_like, self.loss, ids, self.gradient)


@dataclass
class LabelTally:
    """Targets that are classes: counted, held against the loss's domain, kept in order."""

    attempt: Attempt
    plain: bool
    head: str
    per_sample: bool = True
    counts: Counter[float] = field(default_factory=Counter)
    lowest: float = math.inf
    highest: float = -math.inf
    outside: int = 0
    outside_values: list[float] = field(default_factory=list)
    outside_where: list[str] = field(default_factory=list)
    scored: bool | None = None
    dense: Counter[float] = field(default_factory=Counter)  # of labels with many a sample, where the loss weighs them
    present: Counter[int] = field(default_factory=Counter)  # the same of all labels that are scored
    skipped: int = 0  # labels that the loss leaves out, between others of their sample that it scores
    pulled: bool = False  # the weights of its options were measured, not given
    tags: Tensor | None = None  # (C,) how often each of several tags holds, where each has a pos_weight of its own
    rows: int = 0
    sequence: list[Tensor] = field(default_factory=list)
    batches: list[Tensor] = field(default_factory=list)

    def add(self, labels: Tensor, place: Place) -> bool:
        """One more batch; returns whether it holds the first labels outside the domain."""
        values = labels.detach().cpu()
        kept = values.reshape(-1)
        kept = kept[kept == kept]  # NaN is another trouble
        self.per_sample = self.per_sample and place.of_samples and values.ndim > 0 and values.numel() == place.size == len(values)
        if self.per_sample:  # of pixels and tokens there are too many to count
            for label, count in Counter(kept.tolist()).items():
                self.counts[float(label)] += count
            self.sequence.append(kept)
            self.batches.append(torch.full((len(kept),), place.number))
        elif {"weight", "pos_weight"} & {name for name, given in self.attempt.options.items() if given is not None} and len(kept):
            for label, count in zip(*(found.tolist() for found in kept.unique(return_counts=True)), strict=True):
                self.dense[float(label)] += count
        if values.ndim == 2 and (self.attempt.options.get("pos_weight") is not None) and self.attempt.options["pos_weight"].numel() == values.shape[1] > 1:
            positive = (values == 1).sum(0)
            self.tags, self.rows = positive if self.tags is None else self.tags + positive, self.rows + len(values)
        scored = kept[kept != self.attempt.ignore_index] if self.attempt.ignore_index is not None else kept
        if not self.per_sample and self.attempt.ignore_index is not None and (self.attempt.classes or FEW) < FEW and values.ndim > 1:
            self._add_dense(values.reshape(len(values), -1), scored)
        if len(scored):
            low, high = torch.aminmax(scored)
            self.lowest, self.highest = min(self.lowest, float(low)), max(self.highest, float(high))
        wrong = self.attempt.outside(values)
        if not bool(wrong.any()):
            return False
        first = not self.outside
        self.outside += int(wrong.sum())
        self.outside_where = (self.outside_where + place.rows(values, wrong)[1])[:NAMED]
        seen = dict.fromkeys(self.outside_values + [float(v) for v in values[wrong].unique().tolist()])
        self.outside_values = list(seen)[:NAMED]
        return first

    def _add_dense(self, rows: Tensor, scored: Tensor) -> None:
        """Pixels and tokens of few classes: which occur, and how many are left out in the midst of others."""
        for label, count in zip(*(found.tolist() for found in scored.unique(return_counts=True)), strict=True):
            self.present[int(label)] += count
        known = rows != self.attempt.ignore_index
        inside = (known.cumsum(1) > 0) & (known.flip(1).cumsum(1).flip(1) > 0)
        self.skipped += int((inside & ~known).sum())

    def look(self) -> Labels:
        """The plain form."""
        attempt, options = self.attempt, self.attempt.options
        in_order = self.per_sample and bool(self.sequence)
        order = label_order(torch.cat(self.sequence), torch.cat(self.batches)) if in_order else None
        counts, dense = ({k: c for k, c in counted.items() if k != attempt.ignore_index} for counted in (self.counts, self.dense))
        return Labels(
            kind=attempt.kind, loss=attempt.name, plain=self.plain, classes=attempt.classes,
            ignore_index=attempt.ignore_index, head=self.head, per_sample=self.per_sample,
            counts=tuple(sorted(counts.items())[:KINDS]) if self.per_sample else (), lowest=self.lowest,
            highest=self.highest, outside=self.outside, outside_values=tuple(self.outside_values),
            outside_where=tuple(self.outside_where), scored=self.scored,
            weights=_plain_weights(options.get("weight")), pos_weight=_lone(options.get("pos_weight")), order=order,
            dense=() if self.per_sample else tuple(sorted(dense.items())[:KINDS]),
            present=() if self.per_sample else tuple(sorted(self.present.items())), skipped=self.skipped, pulled=self.pulled,
            tags=() if self.tags is None else tuple(zip(self.tags.tolist(), options["pos_weight"].detach().double().reshape(-1).tolist(), strict=True)), rows=self.rows,
        )  # fmt: skip


@dataclass
class FieldTally:
    """All that is kept of one tensor of the batches."""

    member: Member  # of the first batch
    labels: LabelTally | None
    columns: ColumnTally | None = None
    nonfinite: NonFiniteTally = field(default_factory=NonFiniteTally)
    shape: tuple[int, ...] = ()
    axis: int | None = None
    word: str = ""

    @classmethod
    def of(cls, member: Member, labels: LabelTally | None, *, channels_first: bool) -> FieldTally:
        """For a tensor of the first batch; nothing is counted yet."""
        axis, word = column_axis(member.tensor, channels_first=channels_first)
        shape = tuple(n if type(n) is int else -1 for n in member.tensor.shape)  # a nested tensor has a ragged one
        return cls(member, labels, shape=shape, axis=axis, word=word)

    def add(self, member: Member, place: Place) -> bool:
        """One more batch; returns whether its loss is worth trying: it holds the first trouble of its kind."""
        values = numbers(member.tensor)
        if values is None:
            return False
        curious = self.nonfinite.add(values, place, self.axis if values.ndim == len(self.shape) else None)
        if self.columns is None and values.numel():
            self.columns = ColumnTally(values, self.axis, self.word)
        if self.columns is not None and self.columns.fits(values):
            self.columns.add(values)
        return (self.labels is not None and self.labels.add(member.tensor, place)) or curious

    def tried(self, trial: Trial, member: Member) -> None:
        """Takes note of the loss of the batch with the first trouble."""
        if self.nonfinite.rows and not self.nonfinite.tried:
            self.nonfinite.tried, self.nonfinite.loss, self.nonfinite.gradient = True, trial.value, trial.broken_gradient()
        if self.labels is not None and self.labels.outside and self.labels.scored is None:
            attempt = trial.link(member)
            unknown = attempt is None and bool(trial.error)
            self.labels.scored = None if unknown else attempt is not None and trial.scores_outside(attempt)

    def look(self) -> Field:
        """The plain form."""
        tally, dtype = self.columns, str(self.member.tensor.dtype).removeprefix("torch.")
        constant = tally.constant.nonzero()[:, 0].tolist() if tally is not None and self.axis is not None else []
        return Field(
            name=self.member.name, role=self.member.role, dtype=dtype, shape=self.shape,
            overall=tally.overall() if tally else None, columns=tally.columns() if tally and self.word else (),
            column_count=tally.width if tally and self.word else 0,
            constant=tuple(f"{self.word} {index}" for index in constant[:NAMED]), constant_count=len(constant),
            edges=tuple(tally.edges.tolist()) if tally else (), counts=tuple(tally.bins.tolist()) if tally else (),
            nonfinite=self.nonfinite.look(self.word), labels=self.labels.look() if self.labels else None,
        )  # fmt: skip


def _plain_weights(weight: Any) -> tuple[float, ...]:
    return tuple(weight.detach().double().reshape(-1).tolist()) if isinstance(weight, Tensor) else ()


def _lone(weight: Any) -> float | None:
    return float(weight) if isinstance(weight, Tensor) and weight.numel() == 1 else None
