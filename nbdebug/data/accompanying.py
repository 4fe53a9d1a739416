"""Fields that only tell where others are: a mask, positions, segments."""

from __future__ import annotations

import re
from typing import Any

from nbdebug.batch import tensors
from nbdebug.data.split import FieldData, Split

BESIDE = re.compile(r"mask|type_ids|position", re.I)


def accompanies(field: FieldData) -> bool:
    """Whether these tokens only tell where others are: a mask, positions, segments."""
    return field.kind == "tokens" and (bool(BESIDE.search(field.name)) or _range(field) < 2)


def is_place_in_batch(split: Split, field: FieldData | None) -> bool:
    """Whether it tells where each sample begins in what its batch holds end to end, as EmbeddingBag is told: it starts at 0 in every batch, and grows with its size."""
    columns = field.columns if field is not None else None
    if columns is None or len(columns.names) != 1 or "int" not in columns.dtypes[0] or columns.low[0] != 0 or columns.zeros[0] != split.batches:
        return False
    return any(_rises(t) for _, t in tensors(split.first))


def _rises(tensor: Any) -> bool:
    whole = tensor.ndim == 1 and not tensor.is_floating_point() and not tensor.is_complex() and len(tensor) > 1
    return whole and int(tensor[0]) == 0 and bool((tensor.long().diff() > 0).all())


def _range(field: FieldData) -> int:
    return getattr(field.facts, "highest", 2) - getattr(field.facts, "lowest", 0)
