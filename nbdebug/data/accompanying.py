"""Fields that only tell where others are: a mask, positions, segments."""

from __future__ import annotations

import re

from nbdebug.data.split import FieldData

BESIDE = re.compile(r"mask|type_ids|position", re.I)


def accompanies(field: FieldData) -> bool:
    """Whether these tokens only tell where others are: a mask, positions, segments."""
    return field.kind == "tokens" and (bool(BESIDE.search(field.name)) or _range(field) < 2)


def _range(field: FieldData) -> int:
    return getattr(field.facts, "highest", 2) - getattr(field.facts, "lowest", 0)
