"""The sampled rows as a user would hold them: two frames, or tensors of inputs and targets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as made
from functools import cached_property
from typing import Any

import numpy
import torch
from torch.utils.data import TensorDataset

from nbdebug.data.chunk import Rows
from nbdebug.data.context import Context
from nbdebug.data.fixes.fix import Fix
from nbdebug.data.split import FieldData, Split

NUMBERS = ("tabular", "quantity")
FILE = re.compile(r"table ([^\n]+) of [\d,]+ columns")  # how a source calls the table of a file
READERS = {"csv": "read_csv", "tsv": "read_table", "parquet": "read_parquet", "json": "read_json"}


@dataclass(frozen=True)
class Sampled:
    """Train, and val where there is one of the same make."""

    train: Split
    val: Split | None
    context: Context
    answers: dict[str, Any]
    earlier: list[Fix] = made(default_factory=list)  # mends that come before
    gone: set[int] = made(default_factory=set)  # places of the columns that they take away

    @property
    def is_changed(self) -> bool:
        """Whether an earlier mend changes the inputs of train, so that numbers known of them hold no longer."""
        return any(re.search(r"^train_(df|inputs)\b[^#\n]*=", fix.code, re.MULTILINE) for fix in self.earlier)

    @cached_property
    def is_table(self) -> bool:
        """Whether the samples are rows of a frame."""
        return isinstance(self.train.first, Rows)

    @cached_property
    def field(self) -> FieldData | None:
        """What the model learns from: all columns of numbers of a table, the first input of a batch."""
        if self.is_table:
            return next((f for f in self.train.fields if f.role == "input" and f.kind == "tabular" and f.axis_names), None)
        return self.train.input()

    @cached_property
    def target(self) -> FieldData | None:
        """The first target."""
        return self.train.target()

    @cached_property
    def val_field(self) -> FieldData | None:
        """The same part of val; None where it is of another make."""
        other = self.val.named(self.field.name) if self.val is not None and self.field is not None else None
        if other is None or other.kind != self.field.kind or isinstance(self.val.first, Rows) != self.is_table:
            return None
        return other if other.axis_names == self.field.axis_names else None

    @property
    def words(self) -> tuple[str, ...]:
        """Of the splits that there are."""
        return ("train",) if self.val_field is None else ("train", "val")

    def listed(self, word: str) -> str:
        """`train_df, val_df`."""
        return ", ".join(f"{split}_{word}" for split in self.words)

    @property
    def stated(self) -> str:
        """The first line of a piece of code that takes the inputs."""
        if self.is_table:
            return f"# {self.listed('df')}: your DataFrame{'s' if len(self.words) > 1 else ''}"
        where = f", such as train_dataset.tensors[{self.place}]" if self.place is not None else ""
        return f"# {self.listed('inputs')}: {self.field.name} of all samples, {self.shape}{where}; make the datasets of what comes out"

    @property
    def place(self) -> int | None:
        """Which tensor of a TensorDataset the inputs are."""
        if not isinstance(self.train.dataset, TensorDataset) or self.field is None or not isinstance(self.train.first, (list, tuple)):
            return None
        alike = [i for i, part in enumerate(self.train.first) if tuple(part.shape[1:]) in self.field.shapes]
        return alike[0] if alike else None

    @property
    def shape(self) -> str:
        """`(N, 3, 32, 32)`."""
        (one, *others) = self.field.shapes
        return f"({', '.join(['N', *(['…'] if others else map(str, one))])}{',' if not others and not one else ''})"

    @property
    def read(self) -> list[str]:
        """Lines that read the frames, where the data came as files."""
        found = [f"{word}_df = {how}" for word, split in zip(self.words, (self.train, self.val), strict=False) if (how := how_read(split))]
        return ["import pandas", *found] if found else []

    def columns(self) -> tuple[Any, ...]:
        """Names of the columns as the frame has them, or their numbers after the earlier mends; -1 of those that are gone."""
        names = self.field.axis_names if self.field is not None else ()
        if not self.is_table:
            return tuple(-1 if place in self.gone else place - sum(before < place for before in self.gone) for place in range(len(names)))
        return tuple(map(int, names)) if names and all(name.isdigit() for name in names) else names

    def frames(self) -> dict[str, Any]:
        """Fresh `train_df` and `val_df`."""
        splits = {"train_df": self.train, "val_df": self.val}
        return {f"{word}_df": self._frame(splits[f"{word}_df"]) for word in self.words}

    def tensors(self) -> dict[str, Any]:
        """Fresh `train_inputs`, `train_targets` and those of val."""
        made: dict[str, Any] = {}
        for word, split in zip(self.words, (self.train, self.val), strict=False):
            field = split.named(self.field.name)
            made[f"{word}_inputs"] = as_tensor(field)
            if self.target is not None and split.named(self.target.name) is not None:
                made[f"{word}_targets"] = labels_of(split.named(self.target.name))
        return made

    def names(self) -> dict[str, Any]:
        """Fresh copies of everything."""
        return self.frames() if self.is_table else self.tensors()

    def _frame(self, split: Split) -> Any:
        import pandas

        parts = {}
        for field in split.fields:
            if field.kind == "tabular" and field.axis_names and numpy.ndim(field.sample) == 2:
                names = self.columns() if self.field is not None and field.name == self.field.name else field.axis_names
                parts |= dict(zip(names, numpy.array(field.sample).T, strict=True))
            elif numpy.ndim(field.sample) == 1 or isinstance(field.sample, list):
                parts[field.name] = decoded(field)
        return pandas.DataFrame(parts)


def how_read(split: Split) -> str:
    """How pandas reads the table of this file, `pandas.read_csv('t.csv')`; "" where it is none."""
    found = FILE.fullmatch(split.about)
    reader = READERS.get(found[1].rpartition(".")[2].lower()) if found else None
    return f"pandas.{reader}({found[1]!r})" if reader else ""


def decoded(field: FieldData) -> Any:
    """Labels and categories as they were delivered, None where missing."""
    if field.kind not in ("classes", "category"):
        return list(field.sample) if isinstance(field.sample, list) else numpy.array(field.sample)
    names = field.facts.names
    return [names[code] if code >= 0 else None for code in field.sample.tolist()]


def as_tensor(field: FieldData) -> Any:
    """(K, …) as the batches hold them; a list of tensors where they differ in length."""
    if field.kind == "image":
        images = torch.from_numpy(numpy.array(field.sample))  # (K, h, w, C)
        layout = getattr(field.facts, "layout", "CHW")
        return images if layout == "HWC" else images[..., 0] if layout == "HW" else images.movedim(-1, 1).contiguous()
    if isinstance(field.sample, list):
        rows = [torch.as_tensor(row) for row in field.sample]
        return torch.stack(rows) if len({tuple(row.shape) for row in rows}) == 1 else rows
    return torch.as_tensor(numpy.array(field.sample, dtype=numpy.float32))


def labels_of(field: FieldData) -> Any:
    """(K,) class labels as whole numbers where they are such, else whatever the targets are."""
    if field.kind != "classes":
        return as_tensor(field) if field.kind in (*NUMBERS, "image", "tokens", "series") else field.sample
    labels = decoded(field)
    return torch.tensor(labels) if all(isinstance(label, int) for label in labels) else labels



def matrix(names: dict[str, Any], word: str, columns: tuple[Any, ...]) -> numpy.ndarray:
    """(K, D) these columns of train or val among the names of a piece of code."""
    if f"{word}_df" in names:
        return names[f"{word}_df"][list(columns)].to_numpy(numpy.float64)
    inputs = torch.as_tensor(names[f"{word}_inputs"]).double().numpy()
    return inputs.reshape(len(inputs), -1)[:, list(columns)] if inputs.ndim < 3 else inputs.reshape(-1, inputs.shape[-1])[:, list(columns)]


def alike(a: numpy.ndarray, b: numpy.ndarray) -> bool:
    """Whether they are the same numbers, float32 being enough."""
    return a.shape == b.shape and bool(numpy.allclose(a, b, rtol=1e-5, atol=1e-6 * max(1.0, float(numpy.abs(b).max(initial=0.0))), equal_nan=True))
