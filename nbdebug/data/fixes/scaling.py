"""Constants that bring every column or channel to mean 0 and spread 1, taken from the training part only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import torch

from nbdebug.data.chunk import chunk_of
from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled, matrix
from nbdebug.data.split import Columns
from nbdebug.loading import Delivered

LISTED = 12  # columns whose constants are written out
PREPARED = 0.25  # mean and std this close to 0 and 1 in every column: it is done already; our choice
BYTES = 2.0  # values above it are pixels of 0..255 and not of 0..1
SPREAD, HALF = 0.25, 0.5  # of the range of a column of 0..1, a uniform one has 0.29; and the range that it has at least
OFF = 0.1  # of a normalised column's mean from 0 and std from 1, at most, over rows that gave the constants
OFF_IN_A_BATCH = 0.6  # the same, over the images of one batch


def scaling(sampled: Sampled) -> Iterator[Draft]:
    """Normalisation, for images by channel, for tables by column."""
    field = sampled.field
    if field is None or field.columns is None:
        return
    mean, std = field.columns.mean, field.columns.std
    usable = numpy.isfinite(mean) & (std > 0)
    if not usable.any() or (numpy.abs(mean[usable]).max() < PREPARED and numpy.abs(std[usable] - 1).max() < PREPARED):
        return
    if field.kind == "image" and usable.all() and getattr(field.facts, "layout", "") in ("CHW", "HWC", "HW"):
        yield _of_images(sampled)
    elif field.kind == "tabular" and len(numpy.shape(field.sample)) == 2:
        chosen = usable & _is_quantity(sampled)
        columns = tuple(name for name, use in zip(sampled.columns(), chosen, strict=True) if use)
        if columns and not _is_scaled(field.columns, chosen):
            yield _of_columns(sampled, columns)


def _is_quantity(sampled: Sampled) -> numpy.ndarray:
    """(D,) more than a yes or no, no row number, and not taken away by an earlier mend."""
    look, names = sampled.answers.get("features"), sampled.field.axis_names
    rows = {c.name for c in (look.looks if look is not None else ()) if c.is_row_number and c.field == sampled.field.name}
    left = [place not in sampled.gone and name not in rows for place, name in enumerate(names)]
    return (numpy.asarray(sampled.field.columns.distinct) > 2) & numpy.array(left, dtype=bool)


def _is_scaled(columns: Columns, chosen: numpy.ndarray) -> bool:
    """Whether every column fills 0..1 or -1..1 evenly already."""
    low, high, std = columns.low[chosen], columns.high[chosen], columns.std[chosen]
    return bool((low >= -1).all() and (high <= 1).all() and (std >= SPREAD * (high - low)).all() and (high - low >= HALF).all())


def rounded(values: numpy.ndarray) -> list[float]:
    """To 4 digits."""
    return [float(f"{value:.4g}") for value in values]


def _of_images(sampled: Sampled) -> Draft:
    field = sampled.field
    columns, layout = field.columns, field.facts.layout
    unit = 255.0 if columns.high.max() > BYTES and columns.low.min() >= 0 and columns.high.max() <= 255 else 1.0
    mean, std = rounded(columns.mean / unit), rounded(columns.std / unit)
    shape = {"CHW": ".view(-1, 1, 1)", "HWC": "", "HW": ""}[layout]
    scaled = "images.float() / 255" if unit != 1 else "images.float()"
    code = "\n".join([
        f"# images: a batch of inputs or one of them, (N, {layout.replace('', ', ')[2:-2]}); do it to train and val alike", "import torch",
        f"mean, std = torch.tensor({mean}){shape}, torch.tensor({std}){shape}  # per channel, of train only",
        f"images = ({scaled} - mean) / std",
    ])  # fmt: skip
    why = f"pixels lie in {columns.low.min():.4g}..{columns.high.max():.4g}, with mean {columns.mean.mean():.3g} and std {columns.std.mean():.3g}"

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        images = after["images"]
        by_channel = {"CHW": (0, 2, 3), "HWC": (0, 1, 2), "HW": (0, 1, 2)}[layout]
        got, spread = images.mean(by_channel), images.std(by_channel)
        if float(got.abs().max()) > OFF_IN_A_BATCH or float((spread - 1).abs().max()) > OFF_IN_A_BATCH:
            return ""
        return f"the pixels of the first batch then have mean {float(got.mean()):.2f} and std {float(spread.mean()):.2f}"

    return Draft("normalisation constants", why, code, lambda: {"images": _first_images(sampled)}, verify, optional=True)


def _first_images(sampled: Sampled) -> torch.Tensor:
    """(N, …) of the first batch, in full size."""
    setup, split = sampled.context.setup, sampled.train
    chunk = chunk_of(Delivered(0, split.first, None), 0, setup.model if setup is not None else None)
    values = next(f.values for f in chunk.fields if f.name == sampled.field.name)
    if isinstance(values, numpy.ndarray):
        return torch.as_tensor(numpy.array(values))
    layout = sampled.field.facts.layout  # of their own sizes: all their pixels as one image
    if layout == "CHW":
        return torch.as_tensor(numpy.concatenate([image.reshape(len(image), -1) for image in values], 1))[None, :, :, None]
    pixels = torch.as_tensor(numpy.concatenate([image.reshape(-1, image.shape[-1] if layout == "HWC" else 1) for image in values]))
    return pixels[None, :, None] if layout == "HWC" else pixels[None]


def _of_columns(sampled: Sampled, columns: tuple[Any, ...]) -> Draft:
    places = [sampled.columns().index(name) for name in columns]
    found = sampled.field.columns
    std = found.std[places]
    why = f"columns have means of {found.mean[places].min():.3g}..{found.mean[places].max():.3g} and spreads of {std.min():.3g}..{std.max():.3g}"
    code = _frame_code(sampled, columns) if sampled.is_table else _tensor_code(sampled)
    return Draft("normalisation constants", why, code, sampled.names, lambda a, b: _verified(columns, b), optional=True)


def _frame_code(sampled: Sampled, columns: tuple[Any, ...]) -> str:
    places = [sampled.columns().index(name) for name in columns]
    lines = [sampled.stated]
    if len(columns) <= LISTED and not sampled.is_changed:
        mean, std = (dict(zip(columns, rounded(v[places]), strict=True)) for v in (sampled.field.columns.mean, sampled.field.columns.std))
        lines += ["import pandas as pd", f"mean = pd.Series({mean})  # of train only", f"std = pd.Series({std})"]
        chosen = "mean.index"
    elif len(columns) <= LISTED:
        lines += [f"numbers = train_df[{list(columns)!r}]", "mean, std = numbers.mean(), numbers.std()  # of train only, after the mends above"]
        chosen = "numbers.columns"
    else:
        drop = f".drop(columns={[sampled.target.name]!r}, errors=\"ignore\")" if sampled.target is not None else ""
        lines += [f'numbers = train_df{drop}.select_dtypes("number")', "numbers = numbers.loc[:, numbers.nunique() > 2]"]
        lines += ["mean, std = numbers.mean(), numbers.std()  # of train only"]
        chosen = "numbers.columns"
    lines += [f"{name} = {name}.assign(**(({name}[{chosen}] - mean) / std))" for name in sampled.listed("df").split(", ")]
    if not all(isinstance(name, str) for name in columns):
        lines[-len(sampled.words) :] = [f"{name}[{chosen}] = ({name}[{chosen}] - mean) / std" for name in sampled.listed("df").split(", ")]
    return "\n".join(lines)


def _tensor_code(sampled: Sampled) -> str:
    found = sampled.field.columns
    lines = [sampled.stated, "import torch"]
    if len(found.names) <= LISTED and not sampled.is_changed:
        mean, std = rounded(numpy.nan_to_num(found.mean)), rounded(numpy.where(found.std > 0, found.std, 1.0))
        lines += [f"mean = torch.tensor({mean})  # per column, of train only", f"std = torch.tensor({std})"]
    else:
        lines += ["mean = train_inputs.nanmean(dim=0)  # per column, of train only"]
        lines += ["std = (train_inputs - mean).square().nanmean(dim=0).sqrt()", "std = torch.where(std > 0, std, 1.0)  # a constant column stays as it is"]
    return "\n".join([*lines, *(f"{name} = ({name} - mean) / std" for name in sampled.listed("inputs").split(", "))])


def _verified(columns: tuple[Any, ...], after: dict[str, Any]) -> str:
    rows = matrix(after, "train", columns)
    rows = numpy.where(numpy.isfinite(rows), rows, numpy.nan)
    mean, std = numpy.nanmean(rows, 0), numpy.nanstd(rows, 0)
    if not (numpy.abs(mean).max() <= OFF and numpy.abs(std - 1).max() <= OFF):
        return ""
    return f"{len(rows):,} sampled rows then have means within {numpy.abs(mean).max():.2g} of 0 and spreads of {std.min():.3f}..{std.max():.3f}"
