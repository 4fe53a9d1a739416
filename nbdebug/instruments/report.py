"""What an instrument measured and what its checks made of it: shows itself in any front end, survives JSON."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

from nbdebug.errors import NbdebugError
from nbdebug.findings import Finding, Severity
from nbdebug.page import Collection, Page, Section, Verdict
from nbdebug.plain import from_plain, to_plain
from nbdebug.untouched import Proof

RESULTS: dict[str, type] = {}  # name of an instrument → type of its result, for reading a report back
_last: list[Report] = []  # at most one: what nbdebug.last_report() gives


@dataclass(frozen=True)
class Report:
    """What an instrument measured and what the checks made of it. Shows itself in any front end."""

    instrument: str
    title: str
    level: str
    result: Any  # the instrument's own frozen dataclass; None when nothing could be measured
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    parts: tuple[Report, ...] = ()  # the reports a checkup is made of
    subject: str = ""  # what was examined, in a line
    stopped: str = ""  # why the measurement ended early; empty when it ran to its end
    seconds: float = 0.0
    proof: Proof | None = None  # what the digests said about the session; None when nothing was borrowed

    def page(self) -> Page:
        """The report as a page of neutral panels, which every renderer knows."""
        footer, intact = _footer(self)
        return Page(
            self.title, self.subject, self.findings, self.verdicts, _sections(self), footer, intact, self.stopped, _collection(self),
            getattr(self.result, "quiz", None),
        )  # fmt: skip

    def figure(self) -> Any:
        """The panels as one matplotlib figure."""
        from nbdebug.render import figure

        return figure.render(self.page())

    def widget(self) -> Any:
        """The report as an ipywidgets box: filter by level and severity, open a finding, jump between panels; look through
        the samples and columns of a data audit; label the samples of `baselines` yourself."""
        from nbdebug.render import widget

        return widget.render(self.page())

    def to_frame(self) -> Any:
        """The findings as a pandas DataFrame, one row each; folded symptoms follow their cause."""
        import pandas

        rows = [_row(f, "") for f in self.findings] + [_row(s, f.code) for f in self.findings for s in f.symptoms]
        return pandas.DataFrame(rows, columns=list(_row(_EMPTY, "")))

    def save(self, path: str) -> str:
        """Writes the report to a self-contained .html file (or .txt, .json) and returns the path."""
        from nbdebug.render import save

        return save(self.page(), self.to_dict(), path)

    def script(self) -> str:
        """A short program that shows the same failure, of a report whose result has one: overfit's, or a checkup's with it.

        Raises:
            NbdebugError: it has none.
        """
        having = [report for report in (self, *self.parts) if callable(getattr(report.result, "script", None))]
        if not having:
            raise NbdebugError(f"a report of {self.instrument} has no script: nbdebug.overfit(setup) has one where samples cannot be memorised")
        return having[0].result.script()

    def to_dict(self) -> dict[str, Any]:
        """The whole report as strict JSON values; `Report.from_dict` gives it back equal."""
        data = {f: to_plain(getattr(self, f)) for f in self.__dataclass_fields__ if f not in ("parts", "result")}
        return {**data, "result": to_plain(self.result), "parts": [part.to_dict() for part in self.parts]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Report:
        """The report that `to_dict` wrote."""
        hints = {"findings": tuple[Finding, ...], "verdicts": tuple[Verdict, ...], "proof": Proof | None}
        given = {name: from_plain(hints.get(name, Any), item) for name, item in data.items()}
        given["result"] = from_plain(_result_type(data["instrument"]) | None, data["result"])
        given["parts"] = tuple(cls.from_dict(part) for part in data["parts"])
        return cls(**given)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbdebug.render import mimebundle

        return mimebundle(self.page())

    def __str__(self) -> str:
        from nbdebug.render import text

        return text.render(self.page())

    __repr__ = __str__


def shown_live(reports: Generator[Report, None, None]) -> Report:
    """The last of ever fuller reports; each is shown while the next is made, in one output that is gone at the end."""
    from nbdebug.render.live import Live

    report = None
    try:
        # closing gives the session back at once; warnings of the user's step would come again with every repetition of it
        with _without_warnings(), contextlib.closing(reports), Live() as live:
            doing = None
            for report in reports:
                live.show(report.page, now=report.stopped != doing)  # what is done next is said at once
                doing = report.stopped
    except KeyboardInterrupt as interrupt:
        if report is not None and not hasattr(interrupt, "report"):  # it came while showing, not while measuring
            interrupt.report = remember(dataclasses.replace(report, stopped="interrupted"))  # type: ignore[attr-defined]
        raise
    assert report is not None, "an instrument yields at least one report"
    return report


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def remember(report: Report) -> Report:
    """Keeps the report for `last_report` and gives it back."""
    _last[:] = [report]
    return report


def last_report() -> Report | None:
    """The report that was made last in this session, also when it was interrupted; None before the first."""
    return _last[0] if _last else None


def _result_type(name: str) -> Any:
    if name not in RESULTS:
        raise NbdebugError(f"this report is of {name!r}, an instrument that this nbdebug does not have")
    return RESULTS[name]


def _sections(report: Report) -> tuple[Section, ...]:
    if report.parts:
        own = (Section(report.title, "", tuple(report.result.panels())),) if report.result is not None else ()
        return own + tuple(section for part in report.parts for section in _sections(part))
    panels = tuple(report.result.panels()) if report.result is not None else ()
    return (Section(report.title, report.level, panels, report.seconds),) if panels else ()


def _collection(report: Report) -> Collection | None:
    """The samples that one can look through, of the report or of its first part that has some."""
    found = getattr(report.result, "collection", None)
    return found if found is not None else next(filter(None, map(_collection, report.parts)), None)


def _footer(report: Report) -> tuple[tuple[str, ...], bool]:
    """The closing lines, and whether the session is proved to be as it was."""
    lines = [f"{report.seconds:.1f} s" if report.seconds >= 0.05 else f"{report.seconds * 1000:.0f} ms"] + ([report.stopped] if report.stopped else [])
    if report.proof is None:
        return tuple(lines), True
    return (*lines, *report.proof.sentences()), not report.proof.changes


_EMPTY = Finding("ND000", "", Severity.INFO, "", "")


def _row(finding: Finding, cause: str) -> dict[str, Any]:
    place = finding.location
    return {
        "code": finding.code, "severity": str(finding.severity), "title": finding.title, "where": str(place),
        "message": finding.message, "advice": finding.advice, "station": finding.station, "module": place.module,
        "parameter": place.parameter, "operator": place.operator, "file": place.file, "line": place.line,
        "cell": place.cell, "caused_by": cause,
    }  # fmt: skip
