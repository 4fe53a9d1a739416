"""Does a mask come out turned as its image does? Readings of one sample are held against each other, wherever its pictures come from."""

from __future__ import annotations

import numpy

from nbdebug.data.running.asked import DEAR, Running
from nbdebug.data.running.box import Box
from nbdebug.data.running.marker import DIHEDRAL, agreement, planes, side
from nbdebug.data.running.values import leaves

SAMPLES, READINGS = 4, 5  # of each; a mirror of one in two leaves 4 readings alike once in 16 times
FITS, CLEARLY = 0.8, 0.1  # agreement of an image with its first reading, turned, and how far the next best turn must lie below; our choice
EXACTLY, OTHER = 0.99, 0.9  # agreement of masks that are the same, and of such as are not
STAYED = "as it was"
TURNS = {STAYED: lambda a: a, **DIHEDRAL}


def turned_apart(running: Running, fields: tuple[str, str], box: Box) -> tuple[int, list[tuple[int, str, str]]]:
    """Pairs of readings in which the turn of the image is known, and those where the mask made another: sample, turn of the image, of the mask."""
    pairs, apart = 0, []
    for place, index in enumerate(running.indices[:SAMPLES]):
        if box.left <= 0 or (running.brief and running.seconds > DEAR):
            break
        first = _pictures(running, index, fields, READINGS * place)
        for number in range(1, READINGS):
            other = _pictures(running, index, fields, READINGS * place + number)
            turn = _turn_of_image(first[0], other[0]) if first and other else ""
            if not turn:
                continue
            pairs += 1
            theirs = _turn_of_mask(first[1], other[1], turn)
            apart += [(int(index) if isinstance(index, int | numpy.integer) else 0, turn, theirs)] if theirs else []
    return pairs, apart


def _pictures(running: Running, index: object, fields: tuple[str, str], number: int) -> tuple[numpy.ndarray, numpy.ndarray] | None:
    """Image and mask (grid, grid) of one reading."""
    with running.put_back():
        running.shake(number)
        item = running.read(index)
    found = dict(leaves(item)) if item is not None else {}
    if not all(path in found for path in fields):
        return None
    grid = side(*(found[path] for path in fields))
    image, mask = (planes(found[path], grid) for path in fields)
    return (numpy.mean(image, axis=0), numpy.mean(mask, axis=0)) if image and mask else None


def _turn_of_image(first: numpy.ndarray, other: numpy.ndarray) -> str:
    """The turn that makes a reading of the first, if there is one and no other does nearly as well."""
    scores = sorted(((float(numpy.nan_to_num(agreement(turn(first), other))), name) for name, turn in TURNS.items()), reverse=True)
    (best, name), (next_best, _) = scores[:2]
    return name if best >= FITS and best - next_best >= CLEARLY else ""


def _turn_of_mask(first: numpy.ndarray, other: numpy.ndarray, turn: str) -> str:
    """Another turn that gives the mask exactly, where that of the image does not; "" for none."""
    if first.shape != other.shape or not first.std() > 0 or not agreement(TURNS[turn](first), other) < OTHER:
        return ""
    return next((name for name, move in TURNS.items() if agreement(move(first), other) >= EXACTLY), "")
