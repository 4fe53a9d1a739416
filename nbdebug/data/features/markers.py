"""Marks that give the class away where there are no columns: pixels that are the same all over a class, tokens that only it has."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy

from nbdebug.data.features.leaks import Leak, is_certain
from nbdebug.data.features.matrix import Goal
from nbdebug.data.features.together import together
from nbdebug.data.split import FieldData, Split

ENOUGH = 10  # samples of each class
FEW_PIXELS = 0.05  # of an image
EDGE = 1 / 8  # of height and width: what lies there is hardly ever the object
VARIED = 10  # pixels that vary within every class, for each one that does not
FEW_TOKENS = 3  # of a class; where it has more, they are its subject
WITNESSES = 300  # most frequent other tokens
ROWS = 1000


def markers(split: Split, goal: Goal, rows: numpy.ndarray) -> tuple[tuple[Leak, ...], str]:
    """Pixels and tokens that mark the classes; and why nothing was looked at."""
    inputs = [field for field in split.fields if field.role == "input"]
    if not goal.classes:
        kinds = " and ".join(dict.fromkeys(field.kind for field in inputs))
        return (), f"the inputs ({kinds}) have no columns, and marks of a quantity are not looked for"
    if len(rows) > ROWS:
        rows = rows[:: -(-len(rows) // ROWS)]
    names, target = numpy.unique(goal.values[rows], return_inverse=True)
    target, sizes = target.reshape(-1), numpy.bincount(target.reshape(-1))
    if sizes.min() < ENOUGH or len(names) < 2:
        fewest = goal.classes[int(names[sizes.argmin()])]
        return (), f"class {fewest} has {sizes.min()} of the {len(rows):,} samples that were looked at, and a mark needs {ENOUGH} of each"
    found, looked = [], False
    for field in inputs:
        if field.kind == "image" and isinstance(field.sample, numpy.ndarray) and field.sample.ndim == 4:
            found.append(marked_pixels(field, field.sample[rows], target))
        elif field.kind in ("tokens", "text") and isinstance(field.sample, list):
            found.append(marking_tokens(field, [field.sample[row] for row in rows], target, goal, rows))
        else:
            continue
        looked = True
    why = "" if looked else "the inputs are neither columns nor images, tokens or text"
    return tuple(leak for leak in found if leak is not None), why


def marked_pixels(field: FieldData, images: numpy.ndarray, target: numpy.ndarray) -> Leak | None:
    """Pixels of images (n, h, w, C) that hold one value in each class, and another in each.

    Shapes that a class draws in the middle, at one place, would be such pixels too, but without them the rest still tells the class.
    """
    count, shape = len(numpy.unique(target)), images.shape[1:]
    pixels = images.reshape(len(images), -1)
    lows, highs = (numpy.stack([f(pixels[target == c], axis=0) for c in range(count)]) for f in (numpy.min, numpy.max))  # (classes, P)
    still = (lows == highs).all(0)
    marked = still & (lows != lows[0]).any(0)
    varied = int((lows < highs).all(0).sum())
    if not marked.any() or marked.mean() > FEW_PIXELS or varied < VARIED * marked.sum():
        return None
    if len(numpy.unique(lows[:, marked], axis=0)) < count:
        return None
    places = marked.reshape(shape).any(2)
    rest = together(pixels[:, ~(_near(places)[..., None].repeat(shape[2], 2)).reshape(-1)], target, True)
    edge = bool(_edge(shape)[places].all())
    certain = rest.says_something and (edge or is_certain("marker", rest))
    where = f"{_region(places)}, {int(places.sum())} of {places.size} pixels of the thumbnail"
    return Leak(field.name, where, "marker", "", 1.0, rest.power, rest.chance, "", 0.0, count, len(target), certain)


def _near(places: numpy.ndarray) -> numpy.ndarray:
    """The marked pixels and their neighbours."""
    wide = places.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            wide |= numpy.roll(places, step, axis)
    return wide


def _edge(shape: tuple[int, ...]) -> numpy.ndarray:
    height, width = shape[:2]
    edge = numpy.ones((height, width), dtype=bool)
    margin = max(1, round(EDGE * height)), max(1, round(EDGE * width))
    edge[margin[0] : height - margin[0], margin[1] : width - margin[1]] = False
    return edge


def _region(places: numpy.ndarray) -> str:
    """"top left", "middle", …"""
    rows, columns = numpy.nonzero(places)
    down = ("top", "middle", "bottom")[int(3 * (rows.mean() + 0.5) / places.shape[0])]
    across = ("left", "middle", "right")[int(3 * (columns.mean() + 0.5) / places.shape[1])]
    return "middle" if down == across == "middle" else " ".join(word for word in (down, across) if word != "middle")


def marking_tokens(field: FieldData, sequences: list[Any], target: numpy.ndarray, goal: Goal, rows: numpy.ndarray) -> Leak | None:
    """Tokens (words, of texts) that every sequence of one class has and no other."""
    held = [set(_tokens(sequence)) for sequence in sequences]
    sizes = numpy.bincount(target)
    counts = [Counter() for _ in sizes]
    for tokens, label in zip(held, target.tolist(), strict=True):
        counts[label].update(tokens)
    everywhere = sum(counts, Counter())
    marks = [[t for t, n in counts[c].items() if n == sizes[c] == everywhere[t]] for c in range(len(sizes))]
    if sum(bool(m) for m in marks) < len(sizes) - 1 or max(map(len, marks)) > FEW_TOKENS:
        return None
    marking = {token for m in marks for token in m}
    witnesses = [token for token, _ in everywhere.most_common(WITNESSES + len(marking)) if token not in marking]
    present = numpy.array([[token in tokens for token in witnesses] for tokens in held], dtype=float).reshape(len(held), -1)
    shares = present / numpy.maximum(present.sum(1, keepdims=True), 1)  # not how many: a mark takes the place of another token
    rest = together(shares, target, True)
    label = next(c for c, m in enumerate(marks) if m)
    name = goal.classes[int(numpy.unique(goal.values[rows])[label])]
    detail = f"{marks[label][0]!r} in class {name}"
    return Leak(
        field.name, f"token {marks[label][0]!r}", "token", detail, 1.0, rest.power, rest.chance, "", 0.0, len(sizes), len(target), is_certain("token", rest)
    )  # fmt: skip


def _tokens(sequence: Any) -> list[Any]:
    if isinstance(sequence, str):
        return re.findall(r"\w+", sequence.lower())
    return numpy.asarray(sequence).reshape(-1).tolist() if sequence is not None else []
