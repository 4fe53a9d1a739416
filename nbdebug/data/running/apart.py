"""Do inputs and their masks go through the same change of place? The same marker is sent through both."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from nbdebug.data.running.asked import DEAR, Running, write
from nbdebug.data.running.box import Box
from nbdebug.data.running.marker import (
    DISCRETE,
    axes,
    best,
    clearness,
    is_moved,
    marked,
    planes,
    shows,
    side,
    turn,
)
from nbdebug.data.running.spots import Spot
from nbdebug.data.running.spying import Notes, spied
from nbdebug.data.running.stored import lent, lent_item, rows_of
from nbdebug.data.running.turned import turned_apart
from nbdebug.data.running.values import inputs_of, is_target, kept, leaves
from nbdebug.data.running.watched_arrays import lent_copies

DRAWS, FEW_DRAWS = 12, 6  # of random numbers; a mirror of one in two shows in 6 of 12
TOGETHER = 0.8  # agreement of what went together: interpolation costs some
ASUNDER = 0.5  # agreement below which two pictures of the marker show different places
MOVED = "moved"  # the turn of a crop that took another part
CLEAR = 0.7  # share of the image's variance that lies between the marker's two levels: noise or blur has not eaten it


@dataclass(frozen=True)
class ApartLook:
    """What became of the marker in image and mask, over several draws."""

    image: str  # path in the sample
    mask: str
    draws: int
    apart: int
    together: int
    in_step: float | None  # the best agreement of draws in which both got the same random numbers; None: not tried
    agreement: float  # the worst of the draws
    turn: str  # "mirrored left to right", when that explains it
    names: tuple[str, ...]  # transforms by which they went
    ids: tuple[int, ...]
    of_mask: str = ""  # the turn of the mask where `turn` is that of the image: of two readings of one sample, and no marker


def apart_look(running: Running, spots: list[Spot], box: Box) -> ApartLook | None:
    """None when samples hold no image and mask. Where the marker does not reach both, readings of a sample are held against each other.

    Source: counterfactual of the input; a joint transform, whatever it draws, moves the same picture to the same place.
    """
    whole = [spot for spot in spots if spot.whole]
    fields = _fields(running)
    if fields is None or running.cached():
        return None
    if not _arrives(running, whole, fields):
        return _by_readings(running, fields, box)
    drawn = list(_draws(running, whole, fields, box, in_step=False))
    judged = [(index, *_judged(image, mask), names) for index, image, mask, names in drawn]
    scores = [(index, score, clear, turned) for index, score, clear, turned, _ in judged if not numpy.isnan(score)]
    if not scores:
        return None
    off = [(index, score, turned) for index, score, clear, turned in scores if score < ASUNDER and clear >= CLEAR]
    if off and _are_views(running, fields):
        return None
    in_step = None
    by_transforms = any(names for *_, names in judged)  # else nobody can give both the same random numbers
    if off and by_transforms and not any(score > TOGETHER for _, score, _, _ in scores):
        again = [_judged(image, mask)[0] for _, image, mask, _ in _draws(running, whole, fields, box, in_step=True)]
        in_step = max((score for score in again if not numpy.isnan(score)), default=None)
    shared = _shared([turned for _, _, turned in off])
    if shared == MOVED and not _is_map(running, fields[1]):
        shared = ""
    agreements = [score for _, score, _, _ in scores]
    return ApartLook(
        *fields, len(scores), len(off), sum(score > TOGETHER for score in agreements), in_step, min(agreements),
        shared, tuple(dict.fromkeys(name for *_, names in judged for name in names)),
        tuple(dict.fromkeys(int(index) for index, _, _ in off)),
    )  # fmt: skip


def _by_readings(running: Running, fields: tuple[str, str], box: Box) -> ApartLook | None:
    pairs, apart = turned_apart(running, fields, box)
    if not apart:
        return None
    _, of_image, of_mask = apart[0]
    return ApartLook(*fields, pairs, len(apart), 0, None, 0.0, of_image, (), tuple(dict.fromkeys(index for index, *_ in apart)), of_mask)


def _shared(turns: list[str]) -> str:
    """The turn that explains most of them."""
    return next((turned for turned in set(turns) if turned and 2 * turns.count(turned) > len(turns)), "")


def _fields(running: Running) -> tuple[str, str] | None:
    """The places of an image and of its mask in a sample."""
    with running.put_back():
        item = running.read(running.indices[0])
    images = [path for path, array in inputs_of(item) if axes(array.shape)]
    masks = [path for path, array in leaves(item) if is_target(path, item) and axes(array.shape)]
    return (images[0], masks[0]) if images and masks else None


def _are_views(running: Running, fields: tuple[str, str]) -> bool:
    """Whether both are made of the one picture that the dataset holds of a sample, and neither is called a mask: to be recognised as one, wherever they lie."""
    with running.put_back():
        found = dict(leaves(running.read(running.indices[0])))
    one, other = (found.get(path) for path in fields)
    alike = one is not None and other is not None and one.shape == other.shape and one.dtype == other.dtype
    held = [name for _, name, rows in rows_of(running.dataset) if len(rows) and marked(rows[0], 0.0) is not None]
    return alike and len(held) == 1 and "'" not in fields[1] and not _is_map(running, fields[1])


def _is_map(running: Running, path: str) -> bool:
    """Whether a mask has few different values: two crops of one picture may be two views of it, which are to be alike wherever they lie."""
    with running.put_back():
        found = dict(leaves(running.read(running.indices[0]))).get(path)
    return found is not None and len(numpy.unique(found)) <= DISCRETE


def _arrives(running: Running, spots: list[Spot], fields: tuple[str, str]) -> bool:
    """Whether another marker gives another image, and another mask: a cache, or files read elsewhere, would not."""
    one, other = (_read(running, spots, running.indices[0], 0, phase)[0] for phase in (0.0, 2.0))
    if one is None or other is None:
        return False
    first, second = dict(leaves(one)), dict(leaves(other))
    return all(
        path in first and path in second and (first[path].shape != second[path].shape or not numpy.array_equal(first[path], second[path]))
        for path in fields
    )


def _draws(
    running: Running, spots: list[Spot], fields: tuple[str, str], box: Box, *, in_step: bool
) -> Iterator[tuple[Any, numpy.ndarray, numpy.ndarray, list[str]]]:
    count = FEW_DRAWS if running.brief else DRAWS
    for draw in range(count):
        if draw and (box.left <= 0 or (running.brief and running.seconds > DEAR)):
            return
        index = running.indices[draw % len(running.indices)]
        item, names = _read(running, spots, index, draw, 0.0, in_step=in_step)
        found = dict(leaves(item)) if item is not None else {}
        if all(path in found for path in fields):
            yield index, found[fields[0]], found[fields[1]], names


def _read(running: Running, spots: list[Spot], index: Any, draw: int, phase: float, *, in_step: bool = False) -> tuple[Any, list[str]]:
    """One sample whose image and mask were both the marker, and the transforms by which they went."""
    names: list[str] = []
    with running.put_back():
        running.shake(draw)
        states = running.states() if in_step else []

        def exchange(spot: Spot, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            names.append(spot.name)
            write(states)
            return tuple(_exchanged(a, phase) for a in args), {k: _exchanged(v, phase) for k, v in kwargs.items()}

        with spied(spots, Notes(exchange=exchange, values=False)), _stored(running, index, phase), contextlib.suppress(Exception):
            return kept(running.fetch(index)), names
    return None, names


def _exchanged(value: Any, phase: float) -> Any:
    if type(value) is dict:
        return {key: _exchanged(item, phase) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_exchanged(item, phase) for item in value)
    made = marked(value, phase)
    return value if made is None else made


@contextlib.contextmanager
def _stored(running: Running, index: Any, phase: float) -> Iterator[None]:
    """The stored pictures replaced by the marker."""

    def stand_in(name: str, rows: Any) -> Any:
        made = marked(rows[0], phase) if len(rows) else None
        return None if made is None else lent_copies(made, len(rows), rows)

    with lent(running.dataset, stand_in), lent_item(running.dataset, index, lambda item: _exchanged(item, phase)):
        yield


def _judged(image: numpy.ndarray, mask: numpy.ndarray) -> tuple[float, float, str]:
    """Agreement, clearness of the image, and the turn that would make them agree."""
    grid = side(image, mask)
    images, masks = planes(image, grid), [plane for plane in planes(mask, grid) if shows(plane)]
    if not images or not masks:
        return float("nan"), 0.0, ""
    score = best(images, masks)
    turned = turn(images, masks) or (MOVED if is_moved(images, masks) else "") if score < ASUNDER else ""
    return score, max(map(clearness, images)), turned
