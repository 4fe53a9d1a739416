"""A cell whose loop is given one failed step from a file: it runs that step and no other."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

import nbdebug
from nbdebug.errors import NbdebugError


class ReplayedCell:
    """Every cell is one of its own."""

    roles = ()

    def __init__(self) -> None:
        self._replaying: Any = None

    def begin(self, options: dict[str, Any], given: dict[str, Any], said: dict[str, Any], cell: str) -> str:
        if "path" not in options:
            raise UsageError("%%nbdebug replay needs a file, such as %%nbdebug replay step-1234.nbd")
        self._replaying = nbdebug.replaying(options["path"])
        self._replaying.__enter__()
        return "with nbdebug.replaying({}) as replaying: …"

    def end(self, error: BaseException | None) -> None:
        replaying, self._replaying = self._replaying, None
        try:
            replaying.__exit__(type(error) if error is not None else None, error, None)
        except NbdebugError as trouble:  # the loop took no batch
            print(trouble)
            return
        if error is None or isinstance(error, nbdebug.NotFinite):
            display(replaying.report())
