"""Are the samples of one make: sizes, layouts, lengths, vocabulary, annotations, empty and broken ones?"""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.data.context import Context
from nbdebug.data.split import Split
from nbdebug.page import Panel


@dataclass(frozen=True)
class StructureLook:
    """Are the samples of one make: sizes, layouts, lengths, vocabulary, annotations, empty and broken ones?"""

    def panels(self) -> tuple[Panel, ...]:
        """What is drawn."""
        return ()


def structure(train: Split, val: Split | None, context: Context) -> StructureLook:
    """Are the samples of one make: sizes, layouts, lengths, vocabulary, annotations, empty and broken ones?"""
    return StructureLook()
