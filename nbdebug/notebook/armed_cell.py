"""A cell armed against NaN: its loop is stopped before the first one reaches the weights, and the report says where it was born."""

from __future__ import annotations

from typing import Any

from IPython.display import display

import nbdebug
from nbdebug.instruments.find_nan import Armed
from nbdebug.instruments.report import remember
from nbdebug.notebook.watched_cell import NO_TRAINING


class ArmedCell:
    """Every cell is one of its own."""

    roles = ()

    def __init__(self) -> None:
        self._armed: Armed | None = None

    def begin(self, options: dict[str, Any], given: dict[str, Any], said: dict[str, Any], cell: str) -> str:
        self._armed = nbdebug.armed(**options)
        self._armed.__enter__()
        return "with nbdebug.armed({}) as armed: …"

    def end(self, error: BaseException | None) -> None:
        armed, self._armed = self._armed, None
        armed.__exit__(type(error) if error is not None else None, error, None)
        result = armed.result()
        if not result.losses and not result.steps and result.origin is None and not result.notes:
            print(NO_TRAINING)
        else:
            display(remember(armed.report()))
