"""A pattern that goes in place of image and mask alike, and how well two pictures of it agree."""

from __future__ import annotations

from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.data.running.values import is_image, numbers

GRID = 32  # places a side at which two pictures are compared
LEAST = 8  # pixels a side of what counts as a picture
MINORITY = 0.15  # share of the marker's rarer level, below which there is not enough of it to compare
REFOUND = 0.95  # agreement of a part of a picture with another part; our choice: the blobs of the marker are all different
DISCRETE = 32  # different values at most in a mask
CYCLES = ((0.9, 0.3), (0.5, -1.2), (1.6, 0.8), (-1.0, 1.7), (0.4, 1.3))  # across the picture: no mirror or turn maps it on itself
DIHEDRAL = {
    "mirrored left to right": lambda a: a[:, ::-1], "mirrored top to bottom": lambda a: a[::-1], "turned by 180°": lambda a: a[::-1, ::-1],
    "transposed": lambda a: a.T, "turned by 90°": lambda a: numpy.rot90(a), "turned by 270°": lambda a: numpy.rot90(a, 3),
    "transposed the other way": lambda a: a[::-1, ::-1].T,
}  # fmt: skip


def pattern(height: int, width: int, phase: float = 0.0) -> numpy.ndarray:
    """Large blobs as booleans (H, W), the same picture at every size; another one with another phase."""
    v, u = numpy.mgrid[0:height, 0:width] / numpy.array([height, width]).reshape(2, 1, 1)
    waves = [numpy.sin(2 * numpy.pi * (a * u + b * v) + 1.7 * n + phase * (n + 1)) for n, (a, b) in enumerate(CYCLES)]
    return sum(waves) > 0


def axes(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Which axes are height and width; None when this is no picture."""
    if len(shape) == 3:
        found = (1, 2) if shape[0] <= shape[2] else (0, 1)
    else:
        found = (0, 1) if len(shape) == 2 else None
    return found if found is not None and min(shape[found[0]], shape[found[1]]) >= LEAST else None


def marked(value: Any, phase: float) -> Any:
    """The marker in the shape, dtype and two of the values of a picture; None when this is none."""
    array = numbers(value)
    if array is None or isinstance(value, bool | int | float) or axes(array.shape) is None or getattr(value, "mode", "") == "1":
        return None
    rows, columns = axes(array.shape)
    drawn = pattern(array.shape[rows], array.shape[columns], phase)
    if array.ndim == 3:
        drawn = drawn[None] if (rows, columns) == (1, 2) else drawn[..., None]
    low, high = _levels(array)
    made = numpy.where(numpy.broadcast_to(drawn, array.shape), high, low).astype(array.dtype)
    if isinstance(value, Tensor):
        return torch.from_numpy(made).to(value.dtype)
    return as_image(made, value) if is_image(value) else made


def _levels(array: numpy.ndarray) -> tuple[Any, Any]:
    distinct, counts = numpy.unique(array[:: max(1, len(array) // 64)], return_counts=True)
    if len(distinct) <= DISCRETE:
        frequent = distinct[numpy.argsort(-counts, kind="stable")]
        return (frequent[0], frequent[1]) if len(frequent) > 1 else (frequent[0], 0 if frequent[0] else 1)
    low, high = numpy.quantile(array, (0.02, 0.98))
    return low, high


def as_image(array: numpy.ndarray, like: Any) -> Any:
    """A PIL image of the mode and size of another."""
    from PIL import Image

    made = Image.frombytes(like.mode, like.size, numpy.ascontiguousarray(array).tobytes())
    if like.mode == "P" and like.getpalette():
        made.putpalette(like.getpalette())
    return made


def side(*arrays: numpy.ndarray) -> int:
    """The grid at which pictures of several sizes can be compared."""
    return min([GRID] + [array.shape[axis] for array in arrays for axis in axes(array.shape) or ()])


def planes(array: numpy.ndarray, grid: int = GRID) -> list[numpy.ndarray]:
    """The channels of a picture as (grid, grid); none for what is no picture."""
    found = axes(array.shape)
    if found is None:
        return []
    stacked = array[None] if array.ndim == 2 else array if found == (1, 2) else numpy.moveaxis(array, -1, 0)
    whole = torch.from_numpy(numpy.ascontiguousarray(stacked[:32]).astype(numpy.float32)).nan_to_num()
    return list(torch.nn.functional.adaptive_avg_pool2d(whole, grid).numpy())


def shows(plane: numpy.ndarray) -> bool:
    """Whether enough of both levels is there."""
    upper = plane > (plane.min() + plane.max()) / 2
    return MINORITY <= upper.mean() <= 1 - MINORITY


def agreement(one: numpy.ndarray, other: numpy.ndarray) -> float:
    """Correlation without its sign, 0..1; NaN where one of them is constant."""
    if one.std() < 1e-6 * (abs(one).max() + 1e-12) or other.std() < 1e-6 * (abs(other).max() + 1e-12):
        return float("nan")
    return abs(float(numpy.corrcoef(one.reshape(-1), other.reshape(-1))[0, 1]))


def best(one: list[numpy.ndarray], other: list[numpy.ndarray]) -> float:
    """The best agreement of any two channels; NaN without any that vary."""
    found = [a for x in one for y in other if not numpy.isnan(a := agreement(x, y))]
    return max(found, default=float("nan"))


def clearness(plane: numpy.ndarray) -> float:
    """How much of the variance two levels explain, 0..1: the marker is there, wherever it lies."""
    middle = (numpy.quantile(plane, 0.05) + numpy.quantile(plane, 0.95)) / 2
    upper = plane > middle
    if not 0 < upper.mean() < 1 or plane.var() == 0:
        return 0.0
    levels = numpy.where(upper, plane[upper].mean(), plane[~upper].mean())
    return float(levels.var() / plane.var())


def turn(one: list[numpy.ndarray], other: list[numpy.ndarray]) -> str:
    """Which of the mirrors and turns makes them agree; "" for none."""
    scores = {name: best([move(plane) for plane in one], other) for name, move in DIHEDRAL.items()}
    name = max(scores, key=lambda key: numpy.nan_to_num(scores[key]))
    return name if scores[name] > 0.85 else ""


def is_moved(one: list[numpy.ndarray], other: list[numpy.ndarray]) -> bool:
    """Whether a part of the one picture lies elsewhere in the other, as after two crops of one picture."""
    return any(_found_in(x, y) > REFOUND for x in one for y in other if x.shape == y.shape)


def _found_in(picture: numpy.ndarray, plane: numpy.ndarray) -> float:
    """How well quarters and middle of a plane are found again, 0..1: the best agreement of any of them with any part of a picture."""
    size = len(plane) // 2
    parts = numpy.lib.stride_tricks.sliding_window_view(picture, (size, size)).reshape(-1, size * size)
    parts = parts - parts.mean(1, keepdims=True)
    spread = numpy.linalg.norm(parts, axis=1)
    corners = (0, len(plane) - size)
    best_one = 0.0
    for row, column in [*((r, c) for r in corners for c in corners), (size // 2, size // 2)]:
        piece = plane[row : row + size, column : column + size]
        if shows(piece):
            piece = piece.reshape(-1) - piece.mean()
            scores = abs(parts @ piece) / numpy.maximum(spread * numpy.linalg.norm(piece), 1e-12)
            best_one = max(best_one, float(scores.max()))
    return best_one
