"""How the labels lie: balance, order, agreement with their neighbours, and what the model makes of them."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.data.context import Context
from nbdebug.data.split import Split
from nbdebug.page import Panel


@dataclass(frozen=True)
class ClassLook:
    """How the labels lie: balance, order, agreement with their neighbours, and what the model makes of them."""

    def panels(self) -> tuple[Panel, ...]:
        """What is drawn."""
        return ()


def classes(train: Split, val: Split | None, context: Context) -> ClassLook:
    """How the labels lie: balance, order, agreement with their neighbours, and what the model makes of them."""
    return ClassLook()
