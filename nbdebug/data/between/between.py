"""What train and validation share, and how they differ: copies, preparation, drift, class shift."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.data.context import Context
from nbdebug.data.split import Split
from nbdebug.page import Panel


@dataclass(frozen=True)
class BetweenLook:
    """What train and validation share, and how they differ: copies, preparation, drift, class shift."""

    def panels(self) -> tuple[Panel, ...]:
        """What is drawn."""
        return ()


def between(train: Split, val: Split | None, context: Context) -> BetweenLook:
    """What train and validation share, and how they differ: copies, preparation, drift, class shift."""
    return BetweenLook()
