"""What to do about it, as code to paste; every piece was run before it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdebug.data.context import Context
from nbdebug.data.split import Split
from nbdebug.page import Panel


@dataclass(frozen=True)
class FixLook:
    """What to do about it, as code to paste; every piece was run before it is shown."""

    def panels(self) -> tuple[Panel, ...]:
        """What is drawn."""
        return ()


def fixes(train: Split, val: Split | None, context: Context, answers: dict[str, Any]) -> FixLook:
    """What to do about it, as code to paste; every piece was run before it is shown."""
    return FixLook()
