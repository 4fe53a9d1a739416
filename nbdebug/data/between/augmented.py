"""Does train give other values each time a sample is read? Then its statistics differ from those of val by design."""

from __future__ import annotations

from typing import Any

import numpy
import torch

from nbdebug.data.context import Context
from nbdebug.data.split import Split

TRIED = 8  # samples
NEEDED = 0.2  # seconds that must be left


def changes_when_read(train: Split, context: Context) -> bool:
    """Reads a few samples twice. What cannot be read twice is taken to change."""
    if train.fetch is None:
        return False
    if context.left < NEEDED:
        return True
    try:
        return any(not _equal(train.fetch(int(i)), train.fetch(int(i))) for i in train.ids[:: max(1, len(train.ids) // TRIED)][:TRIED])
    except Exception:  # the dataset's own trouble is told elsewhere
        return True


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and bool(((a == b) | ((a != a) & (b != b))).all())
    if isinstance(a, numpy.ndarray) and isinstance(b, numpy.ndarray):
        return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if type(a).__eq__ is object.__eq__:  # such as a picture of PIL, which is compared by its pixels
        return type(a) is type(b)
    return bool(numpy.all(a == b)) or (a != a and b != b)
