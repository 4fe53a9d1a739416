"""A magic shows its report itself, so that `report = %nbdebug …` shows it too; the cell's own value is then not shown again."""

from __future__ import annotations

from typing import Any

from IPython.display import display

from nbdebug.instruments.report import Report


class ShownOnce:
    """Displays a report now, and keeps the display of the same report at the end of the cell quiet."""

    def __init__(self, shell: Any) -> None:
        self._shell, self._shown = shell, None
        shell.display_formatter.ipython_display_formatter.for_type(Report, self._again)
        shell.events.register("post_execute", self._forget)

    def show(self, report: Report) -> None:
        self._shown = None
        display(report)
        self._shown = report

    def close(self) -> None:
        """Takes the formatter and the event off the shell."""
        self._shell.display_formatter.ipython_display_formatter.pop(Report, None)
        self._shell.events.unregister("post_execute", self._forget)

    def _again(self, report: Report) -> None:
        """What IPython asks first when it displays a report; returning means that it is done."""
        if report is not self._shown:
            raise NotImplementedError  # IPython goes on to the report's own _repr_mimebundle_
        self._shown = None

    def _forget(self) -> None:
        self._shown = None
