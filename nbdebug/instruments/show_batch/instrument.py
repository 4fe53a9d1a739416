"""The instrument: one batch, read as training would, as it is and as the first layer gets it."""

from __future__ import annotations

from typing import Any, Literal

import numpy
from torch.utils.data import DataLoader

from nbdebug import batch as batches
from nbdebug.data.chunk import Field, chunk_of
from nbdebug.data.kinds import kind_of
from nbdebug.data.no_model import NoModel
from nbdebug.data.samples.labels import names_of
from nbdebug.data.sources import Source, as_source
from nbdebug.errors import SetupError
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.of_data import OfData
from nbdebug.instruments.show_batch import drawing
from nbdebug.instruments.show_batch.receiving import Received, received
from nbdebug.instruments.show_batch.result import BatchLook, Part
from nbdebug.loading import read
from nbdebug.training_setup import TrainingSetup

FIELDS = {"train": "train_loader", "val": "val_loader"}


@instrument(title="batch", level="data", result=BatchLook, made=OfData)
def show_batch(
    setup: TrainingSetup, *, n: int = 9, split: Literal["train", "val"] = "train", kind: str | None = None, target: str | None = None,
    tokenizer: Any = None,
) -> BatchLook:  # fmt: skip
    """What the network really gets: one batch after collate, and what the model makes of it before its first layer with weights.

    Nothing is normalised back: the range of its values stands under each image. It also takes data alone:
    nbdebug.show_batch(loader_or_dataset_or_frame, n=9).

    Args:
        n: samples that are shown.
        split: of which loader.
        kind: of the inputs, where nbdebug infers another: image, tokens, text, tabular, series, audio.
        target: the column or field that is to be predicted.
        tokenizer: a variable with a decode(), where neither loader, dataset nor model has one.

    Raises:
        SetupError: there is no such loader, or it is empty.
        StepError: the dataset or the collate function raised.
    """
    demand_at_least(1, n=n)
    loader = getattr(setup, FIELDS[split], None) if split in FIELDS else None
    if loader is None:
        raise SetupError(f"show_batch has no {FIELDS.get(split, split)}: {_ways_out(split)}")
    modelled = not isinstance(setup.model, NoModel)
    name = FIELDS[split] if modelled else {"train": "data", "val": "val"}[split]
    source = as_source(loader, name, target=target)
    one = next(iter(read(loader if modelled or source.ordered else _spread(source, n), name)))
    chunk = chunk_of(one, 0, setup.model if modelled else None, source.targets)
    field = drawing.main_field(chunk)
    names, decode = names_of(getattr(loader, "dataset", None)), _decoder(tokenizer, loader, setup)
    structure = batches.describe(one.batch) if not hasattr(one.batch, "fields") else f"{len(chunk.fields)} fields"
    if field is None:
        return BatchLook(name, chunk.size, structure, (), (), "", None, "", (), "")
    parts = [drawing.part_of(f, kind_of(f, kind)) for f in chunk.fields]
    table = drawing.rows_of(chunk, n) if kind_of(field, kind) in drawing.ROWS else None
    exhibits = () if table is not None else drawing.shown(field, chunk, n, decode, names, kind)
    arrived, trouble = received(setup, one.batch) if modelled else (None, "")
    prepared: tuple[Any, ...] = ()
    if arrived is not None and arrived.changed:
        part, prepared = _prepared(arrived, field, chunk, n, names, kind_of(field, kind))
        parts.append(part)
    drawn = "the lowest value of them all is black, the highest white" if kind_of(field, kind) == "image" else ""
    return BatchLook(name, chunk.size, structure, tuple(parts), exhibits, drawn, table, arrived.layer if arrived else "", prepared, trouble)


def _spread(source: Source, n: int) -> Any:
    """A batch of a bare dataset or folder, from all of it, as its first samples are often of one class; the n that are shown as well."""
    if not isinstance(source.loader, DataLoader) or source.dataset is None or not source.total:
        return source.loader
    size = min(source.total, max(source.loader.batch_size, n))
    places = numpy.linspace(0, source.total - 1, size).round().astype(int)
    first = numpy.linspace(0, size - 1, min(n, size)).round().astype(int)
    order = [*places[first].tolist(), *numpy.delete(places, first).tolist()]
    return DataLoader(source.dataset, batch_sampler=[order], collate_fn=source.loader.collate_fn)


def _prepared(arrived: Received, field: Field, chunk: Any, n: int, names: tuple[str, ...], kind: str) -> tuple[Part, tuple[Any, ...]]:
    """What arrived at the first layer, as a part and, where it has one entry a sample, drawn."""
    as_image = kind == "image" and arrived.values.ndim == 4
    kind = "image" if as_image else "tabular" if arrived.values.ndim == 2 else "series" if arrived.values.ndim == 3 else kind
    made = Field(arrived.layer, "received", arrived.values, arrived.dtype)
    same_samples = len(arrived.values) == chunk.size
    shown = drawing.shown(made, chunk, n, None, names, kind) if same_samples and kind in ("image", "series") else ()
    return drawing.part_of(made, kind), shown


def _decoder(tokenizer: Any, loader: Any, setup: TrainingSetup) -> Any:
    """Something that makes text of tokens: the tokenizer that was said, or that of the collate function, the dataset, the model."""
    places = (getattr(loader, "collate_fn", None), getattr(loader, "dataset", None), loader, setup.model)
    found = [tokenizer, *(getattr(place, "tokenizer", None) for place in places)]
    return next((decode for one in found if callable(decode := getattr(one, "decode", None))), None)


def _ways_out(split: str) -> str:
    return 'split is "train" or "val"' if split not in FIELDS else f"pass TrainingSetup({FIELDS[split]}=...)"
