"""What is to be predicted, as numbers over the sampled rows: classes, tags, or a quantity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.split import FieldData, Split

COLUMNS = 32  # most frequent classes that neighbours are asked about


@dataclass(frozen=True)
class Target:
    """The first target of a split. Rows are those of `Split.ids`."""

    name: str
    kind: str  # "classes", "tags" (several may hold at once), "quantity", "several" (columns of numbers), "mask", or "other"
    names: tuple[Any, ...] = ()  # of the classes or tags, as delivered
    codes: numpy.ndarray | None = None  # (K,) int64 indices into `names`, -1 where the label is missing; of classes
    values: numpy.ndarray | None = None  # (K,) of a quantity, (K, T) of tags and of several
    counts: tuple[int, ...] = ()  # samples by class or tag, in the order of `names`
    counted: int = 0  # samples that those counts are of
    missing: int = 0  # of them without a label
    types: dict[str, int] | None = None  # Python type of the labels → how many
    batches: tuple[dict[Any, int], ...] = ()  # label → samples, of the first batches

    @property
    def known(self) -> numpy.ndarray:
        """(K,) bool: rows with a label."""
        if self.codes is not None:
            return self.codes >= 0
        values = self.values if self.values.ndim == 1 else self.values.sum(1)
        return numpy.isfinite(values)

    def answers(self, rows: numpy.ndarray, names: tuple[Any, ...] | None = None) -> numpy.ndarray:
        """(n, C) float64: one column a class (of `names`, or the most frequent), the tags, or the ranks of a quantity."""
        if self.codes is not None:
            columns = {name: column for column, name in enumerate(names if names is not None else self.frequent())}
            column_of = numpy.array([columns.get(name, -1) for name in self.names] + [-1])
            columns_hit = column_of[self.codes[rows]]
            return (columns_hit[:, None] == numpy.arange(len(columns))).astype(float)
        if self.kind in ("tags", "several"):
            return self.values[rows].astype(float)
        return (numpy.argsort(numpy.argsort(self.values[rows], kind="stable"), kind="stable") / max(1, len(rows) - 1))[:, None]

    def frequent(self) -> tuple[Any, ...]:
        """The most frequent classes."""
        ranked = numpy.argsort(-numpy.asarray(self.counts), kind="stable")[:COLUMNS]
        return tuple(self.names[i] for i in ranked)


def target_of(split: Split | None) -> Target | None:
    """What is to be predicted; None where nothing is."""
    field = split.target() if split is not None else None
    if field is None or not len(split.ids):
        return None
    if field.kind == "classes" and hasattr(field.facts, "counts"):
        return _of_facts(field)
    if field.kind in ("quantity", "tabular", "tokens"):
        return _of_numbers(field)
    return Target(field.name, "mask" if field.kind == "mask" else "other")


def _of_facts(field: FieldData) -> Target:
    facts = field.facts
    counts = tuple(facts.counts.get(name, 0) for name in facts.names)
    return Target(
        field.name, "classes", facts.names, numpy.asarray(field.sample), None, counts, sum(counts) + facts.missing, facts.missing,
        dict(facts.types), facts.batches,
    )  # fmt: skip


def _of_numbers(field: FieldData) -> Target:
    values = _stacked(field.sample)
    if values is None or values.ndim > 2:
        return Target(field.name, "other")
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim == 1:
        return Target(field.name, "quantity", values=values, counted=len(values), missing=int(numpy.isnan(values).sum()))
    finite = values[numpy.isfinite(values)]
    if not len(finite) or not bool(((finite == 0) | (finite == 1)).all()):
        return Target(field.name, "other")
    counts = tuple(int(count) for count in numpy.nansum(values, axis=0))
    return Target(field.name, "tags", tuple(range(values.shape[1])), None, values, counts, len(values))


def _stacked(sample: Any) -> numpy.ndarray | None:
    if isinstance(sample, numpy.ndarray):
        return sample.astype(float) if sample.dtype.kind in "iufb" else None
    shapes = {getattr(entry, "shape", None) for entry in sample}
    return numpy.stack(sample).astype(float) if len(shapes) == 1 and None not in shapes else None
