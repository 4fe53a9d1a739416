"""A magic shows its report itself, so that `report = %nbdebug …` shows it too; the cell's own value is then not shown again."""

from __future__ import annotations

from typing import Any

from IPython.display import display

from nbdebug.instruments.report import Report
from nbdebug.instruments.watch import Watch

GIVEN = (Report, Watch)  # what a magic gives back


class ShownOnce:
    """Displays a report now, and keeps the display of what the magic gives back quiet at the end of the cell."""

    def __init__(self, shell: Any) -> None:
        self._shell, self._shown = shell, None
        for kind in GIVEN:
            shell.display_formatter.ipython_display_formatter.for_type(kind, self._again)
        shell.events.register("post_execute", self._forget)

    def show(self, report: Report, given: Report | Watch | None = None) -> None:
        """Displays the report; `given` is what the magic gives back, when it is not the report itself."""
        self._shown = None
        display(report)
        self._shown = given or report

    def close(self) -> None:
        """Takes the formatter and the event off the shell."""
        for kind in GIVEN:
            self._shell.display_formatter.ipython_display_formatter.pop(kind, None)
        self._shell.events.unregister("post_execute", self._forget)

    def _again(self, given: Report | Watch) -> None:
        """What IPython asks first when it displays such a thing; returning means that it is done."""
        if given is not self._shown:
            raise NotImplementedError  # IPython goes on to its own _repr_mimebundle_
        self._shown = None

    def _forget(self) -> None:
        self._shown = None
