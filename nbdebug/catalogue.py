"""The page of every code, read from the docstring of its check: what is wrong, how it is seen, what to try."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from nbdebug.errors import CodeError
from nbdebug.findings import STATIONS
from nbdebug.instruments.base import JUDGED, Check, demand_code
from nbdebug.page import Note, Page, Panel, Section, Table

HEADINGS = {
    "Wrong": "what is wrong", "Seen": "how nbdebug sees it", "Where": "where it points", "Try": "what to try",
    "Bad": "an example that has it", "Good": "the same, mended", "Source": "source",
}  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """A page to read; shows itself like a report."""

    page: Page

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbdebug.render import mimebundle

        return mimebundle(self.page)

    def __str__(self) -> str:
        from nbdebug.render import text

        return text.render(self.page)

    __repr__ = __str__


def explain(code: str) -> Explanation:
    """The page of a code, such as `nbdebug.explain("ND401")`.

    Raises:
        CodeError: no check has this code.
    """
    code = str(code).strip().upper()
    code = f"ND{code}" if code.isdecimal() else code
    demand_code(code)
    checks = checks_by_code()
    if code not in checks:
        near = sorted(c for c in checks if c[:3] == code[:3])
        station = f"its station ({STATIONS[code[2]]}) has {', '.join(near)}; " if near else ""
        raise CodeError(f"no check has the code {code}: {station}nbdebug.codes() lists them all")
    check = checks[code]
    opening, sections = read_page(check)
    panels: tuple[Panel, ...] = tuple(
        Note(HEADINGS[name], text, "code" if name in ("Bad", "Good") else "text") for name, text in sections.items()
    )
    return Explanation(Page(f"{code} · {check.title}", opening, (), (), (Section(STATIONS[code[2]], "", panels),)))


def codes() -> Explanation:
    """The catalogue: every code that this nbdebug can find."""
    rows = tuple((code, check.title, str(check.severity), STATIONS[code[2]]) for code, check in checks_by_code().items())
    table = Table("codes", ("code", "title", "severity", "station"), rows)
    return Explanation(Page("codes", "nbdebug.explain(code) shows the page of one", (), (), (Section("catalogue", "", (table,)),)))


def checks_by_code() -> dict[str, Check]:
    """Code → the check that holds its page, in the order of the codes."""
    found: dict[str, Check] = {}
    for judged in JUDGED.values():
        for code, check in judged.checks.items():
            if code not in found or "Wrong:" in (check.judge.__doc__ or ""):
                found[code] = check
    return dict(sorted(found.items()))


def read_page(check: Check) -> tuple[str, dict[str, str]]:
    """The opening sentence and the sections of a check's docstring; the user's own checks may have neither."""
    opening, _, body = inspect.cleandoc(check.judge.__doc__ or check.title).partition("\n\n")
    parts = re.split(rf"^({'|'.join(HEADINGS)}):[ \n]", body, flags=re.MULTILINE)
    sections = {name: _text(name, text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    if not sections:
        sections = {"Seen": " ".join(body.split()) or check.title, "Try": check.advice}
    return opening, sections


def _text(name: str, text: str) -> str:
    if name in ("Bad", "Good"):
        return inspect.cleandoc("\n" + text)
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] if text.split(" ")[0].rstrip(",").isalpha() and name != "Source" else text
