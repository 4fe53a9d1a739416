"""The user's own checks, written in a notebook cell and run with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nbdebug.errors import CodeError, NotChecked
from nbdebug.findings import Location, Severity
from nbdebug.instruments.base import Seen, demand_code, instrument
from nbdebug.page import Note, Panel
from nbdebug.training_setup import TrainingSetup

CHECKS: dict[str, Callable[[TrainingSetup], Any]] = {}  # code → the user's function


@dataclass(frozen=True)
class OwnSeen:
    """What one of the user's checks said."""

    code: str
    message: str
    location: Location
    evidence: dict[str, float | int | str | bool | None]
    severity: Severity | None
    advice: str | None


@dataclass(frozen=True)
class OwnChecks:
    """What the user's checks said, and why one could not say anything."""

    ran: tuple[str, ...]  # their codes
    seen: tuple[OwnSeen, ...]
    not_checked: dict[str, str]  # code → reason

    def panels(self) -> tuple[Panel, ...]:
        return (Note("your own checks", f"{len(self.ran)} ran: {', '.join(self.ran)}"),) if self.ran else ()


@instrument(title="your own checks", level="own", result=OwnChecks)
def own(setup: TrainingSetup) -> OwnChecks:
    """Your own checks, which were registered with `@nbdebug.check("ND901", ...)`."""
    seen: list[OwnSeen] = []
    not_checked: dict[str, str] = {}
    for code, function in CHECKS.items():
        try:
            seen.extend(OwnSeen(code, s.message, s.location, s.evidence, s.severity, s.advice) for s in _said(function(setup)))
        except NotChecked as reason:
            not_checked[code] = str(reason)
        except Exception as error:  # a mistake in the user's check must not hide the rest
            not_checked[code] = f"it raised {type(error).__name__}: {error}"
    return OwnChecks(tuple(sorted(CHECKS)), tuple(seen), not_checked)


def check(
    code: str, title: str, *, severity: Severity | str = Severity.WARNING, advice: str = "look at the check's own code"
) -> Callable[[Callable[[TrainingSetup], Any]], Callable[[TrainingSetup], Any]]:
    """Registers a check of your own; `checkup` runs it after the others.

        @nbdebug.check("ND901", "head too small")
        def head_too_small(setup):
            if setup.model.head.out_features < 10:
                yield "the head has fewer than 10 outputs"

    The function gets the borrowed `TrainingSetup` and yields (or returns) a sentence or an `nbdebug.Seen` for each
    trouble; nothing means sound. It may raise `nbdebug.NotChecked("because …")`.

    Raises:
        CodeError: the code is not one of ND901 to ND999.
    """
    demand_code(code)
    if not code.startswith("ND9"):
        raise CodeError(f"{code} belongs to nbdebug: your own checks take ND901 to ND999")
    if code == "ND900":
        raise CodeError("your own checks take ND901 to ND999")

    def register(function: Callable[[TrainingSetup], Any]) -> Callable[[TrainingSetup], Any]:
        def judge(result: OwnChecks) -> Iterator[Seen]:
            if code in result.not_checked:
                raise NotChecked(result.not_checked[code])
            for s in result.seen:
                if s.code == code:
                    yield Seen(s.message, s.location, s.evidence, s.severity, s.advice)

        judge.__doc__ = function.__doc__
        own.check(code, title, severity=Severity(severity), advice=advice)(judge)
        CHECKS[code] = function  # a cell that is run again replaces its check
        return function

    return register


def _said(answer: Any) -> Iterable[Seen]:
    if answer is None or answer is False:
        return []
    if isinstance(answer, (str, Seen)):
        answer = [answer]
    return [s if isinstance(s, Seen) else Seen(str(s)) for s in answer]
