"""Do boxes go where their images go? A bright rectangle is painted where the first box is, and looked for afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.data.running.apart import DRAWS, FEW_DRAWS, ApartLook
from nbdebug.data.running.asked import DEAR, Running
from nbdebug.data.running.box import Box
from nbdebug.data.running.marker import as_image, axes
from nbdebug.data.running.spots import Spot
from nbdebug.data.running.spying import Notes, spied
from nbdebug.data.running.stored import lent, rows_of, unwrapped
from nbdebug.data.running.values import equal_arrays, inputs_of, is_image, is_target, kept, leaves, numbers
from nbdebug.data.running.watched_arrays import lent_copies

FORMATS = ("corners", "corner and size", "centre and size")
SAME, ELSEWHERE = 0.6, 0.2  # intersection over union: a rotated box grows, one in another place hardly overlaps
LEAST = 2  # draws apart, in each way of reading the boxes
SEEN = 3  # pixels a side at least of what is left of the rectangle

Where = tuple[Any, float, list[str]]  # index, overlap, names of the transforms


def boxes_look(running: Running, spots: list[Spot], box: Box) -> ApartLook | None:
    """None when samples hold no image with boxes. How boxes are written is not known: apart are those that are so in all three ways.

    Source: counterfactual of the input, as for masks.
    """
    fields = _fields(running)
    if fields is None or running.cached():
        return None
    whole = [spot for spot in spots if spot.whole]
    if not _arrives(running, whole, fields):
        return None
    tried = [draws for way in FORMATS if (draws := list(_draws(running, whole, fields, way, box)))]
    if not tried:
        return None
    found = max(tried, key=_decided)
    apart = _apart(found) if all(_apart(draws) >= LEAST for draws in tried) else 0  # written as they are, sound boxes never lie apart
    return ApartLook(
        *fields, len(found), apart, sum(overlap > SAME for _, overlap, _ in found), None, min(overlap for _, overlap, _ in found), "",
        tuple(dict.fromkeys(name for *_, names in found for name in names)),
        tuple(dict.fromkeys(int(index) for index, overlap, _ in found if overlap < ELSEWHERE)),
    )  # fmt: skip


def _apart(draws: list[Where]) -> int:
    return sum(overlap < ELSEWHERE for _, overlap, _ in draws)


def _decided(draws: list[Where]) -> int:
    """How many draws lie together or apart, and not in between: most where boxes are read as they are written."""
    return sum(not ELSEWHERE <= overlap <= SAME for _, overlap, _ in draws)


def _fields(running: Running) -> tuple[str, str] | None:
    """The places of an image and of its boxes in a sample."""
    with running.put_back():
        item = running.item(running.indices[0])
    images = [path for path, array in inputs_of(item) if axes(array.shape)]
    boxes = [path for path, array in leaves(item) if "box" in path.lower() or is_target(path, item) if _are_boxes(array)]
    return (images[0], boxes[0]) if images and boxes else None


def _arrives(running: Running, spots: list[Spot], fields: tuple[str, str]) -> bool:
    """Whether what is painted comes out: not from a cache, nor from files that are read elsewhere."""
    index = running.indices[0]
    item, _ = _read(running, spots, index, 0, _raw_boxes(running, index, fields[1]), FORMATS[0])
    with running.put_back():
        running.shake(0)
        plain = dict(leaves(running.item(index)))
    return item is not None and not equal_arrays(dict(leaves(item))[fields[0]], plain[fields[0]])


def _are_boxes(array: numpy.ndarray) -> bool:
    return array.ndim in (1, 2) and array.shape[-1] == 4 and array.size > 0


def _draws(running: Running, spots: list[Spot], fields: tuple[str, str], way: str, box: Box) -> Iterator[Where]:
    for draw in range(FEW_DRAWS if running.brief else DRAWS):
        if draw and (box.left <= 0 or (running.brief and running.seconds > DEAR)):
            return
        index = running.indices[draw % len(running.indices)]
        raw = _raw_boxes(running, index, fields[1])
        item, names = _read(running, spots, index, draw, raw, way)
        found = dict(leaves(item)) if item is not None else {}
        if all(path in found for path in fields) and len(found[fields[1]]) == len(raw):
            overlap = _overlap(found[fields[0]], found[fields[1]], way)
            if overlap is not None:
                yield index, overlap, names


def _raw_boxes(running: Running, index: Any, path: str) -> numpy.ndarray:
    """As they are stored; otherwise as the sample has them, which a transform of the image alone leaves as they are."""
    inner, place = unwrapped(running.dataset, index)
    for _, name, rows in rows_of(inner):
        row = numbers(rows[int(place)]) if "box" in name.lower() and isinstance(place, int | numpy.integer) else None
        if row is not None and _are_boxes(row):
            return numpy.array(row)
    with running.put_back():
        return dict(leaves(running.item(index)))[path].copy()


def _read(running: Running, spots: list[Spot], index: Any, draw: int, raw: numpy.ndarray, way: str) -> tuple[Any, list[str]]:
    names: list[str] = []

    def exchange(spot: Spot, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        names.append(spot.name)
        given = next(_boxes_among((*args, kwargs)), raw)
        return tuple(_painted(a, given, way, a) for a in args), {k: _painted(v, given, way, v) for k, v in kwargs.items()}

    def stand_in(name: str, rows: Any) -> Any:
        made = _painted(rows[0], raw, way, None)
        return None if made is None else lent_copies(made, len(rows), rows)

    with running.put_back():
        running.shake(draw)
        with spied(spots, Notes(exchange=exchange, values=False)), lent(running.dataset, stand_in), contextlib.suppress(Exception):
            return kept(running.dataset[index]), names
    return None, names


def _boxes_among(values: tuple[Any, ...]) -> Iterator[numpy.ndarray]:
    for value in values:
        if isinstance(value, Mapping):
            for key, item in value.items():
                if "box" in str(key).lower():
                    with contextlib.suppress(ValueError, TypeError):
                        yield numpy.asarray(item, dtype=numpy.float64).reshape(-1, len(item[0]) if numpy.ndim(item) == 2 else 4)[:, :4]


def _painted(value: Any, boxes: numpy.ndarray, way: str, otherwise: Any) -> Any:
    """Dark but for the first box, in the shape, dtype and range of an image; `otherwise` where this is none."""
    array = numbers(value)
    if array is None or axes(array.shape) is None or _are_boxes(array) or getattr(value, "mode", "L") not in ("L", "RGB", "RGBA"):
        return otherwise
    rows, columns = axes(array.shape)
    left, top, right, bottom = _corners(boxes.reshape(-1, 4), way, array.shape[rows], array.shape[columns])[0].round().astype(int)
    made = numpy.full(array.shape, array.min(), array.dtype)
    place: list[Any] = [slice(None)] * array.ndim
    place[rows], place[columns] = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
    made[tuple(place)] = array.max()
    if isinstance(value, Tensor):
        return torch.from_numpy(made).to(value.dtype)
    return as_image(made, value) if is_image(value) else made


def _corners(boxes: numpy.ndarray, way: str, height: int, width: int) -> numpy.ndarray:
    """(n, 4) left, top, right, bottom in pixels."""
    found = boxes.astype(numpy.float64)
    if found.max() <= 1.5:
        found = found * (width, height, width, height)
    if way == "corner and size":
        return numpy.hstack([found[:, :2], found[:, :2] + found[:, 2:]])
    return numpy.hstack([found[:, :2] - found[:, 2:] / 2, found[:, :2] + found[:, 2:] / 2]) if way == "centre and size" else found


def _overlap(image: numpy.ndarray, boxes: numpy.ndarray, way: str) -> float | None:
    """Best intersection over union of the bright place with any box; None where the rectangle is not to be seen."""
    found = axes(image.shape)
    if found is None or not len(boxes):
        return None
    plane = image.astype(numpy.float64)
    plane = plane if plane.ndim == 2 else plane.mean(axis=({0, 1, 2} - set(found)).pop())
    bright = plane > (plane.min() + plane.max()) / 2
    rows, columns = numpy.flatnonzero(bright.any(1)), numpy.flatnonzero(bright.any(0))
    if plane.min() == plane.max() or len(rows) < SEEN or len(columns) < SEEN or bright.mean() > 0.9:
        return None
    seen = numpy.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=numpy.float64)
    if bright[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() < 0.5:  # noise, or turned far
        return None
    corners = _corners(boxes.reshape(-1, 4), way, *plane.shape).clip(0, [plane.shape[1], plane.shape[0]] * 2)
    sizes = (numpy.minimum(corners[:, 2:], seen[2:]) - numpy.maximum(corners[:, :2], seen[:2])).clip(0)
    shared = sizes.prod(1)
    whole = (corners[:, 2:] - corners[:, :2]).clip(0).prod(1) + (seen[2:] - seen[:2]).prod() - shared
    return float((shared / numpy.maximum(whole, 1e-9)).max())
