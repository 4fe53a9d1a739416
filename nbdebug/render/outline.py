"""The order in which every renderer tells a page: headline, found, sound, not checked, then the ladder."""

from __future__ import annotations

from nbdebug.findings import Finding, Severity
from nbdebug.page import Page, Panel, Section, Verdict
from nbdebug.render.numbers import one_line, plural

LADDER = ("", "data", "code", "numbers", "optimisation", "own")  # the rungs, from the bottom
RUNG_NAMES = {"": "overview", "own": "your own checks"}
_RUNG_OF_STATION = {  # where on the ladder a finding belongs, by the first digit of its code
    "1": "data", "2": "code", "3": "code", "4": "code", "5": "numbers", "6": "optimisation",
    "7": "optimisation", "8": "code", "9": "own", "0": "",
}  # fmt: skip
_SEVERITY_NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
SHOWN_PER_CODE = 3  # the same trouble in a hundred parameters is told three times, then counted


def rung_name(level: str) -> str:
    """What a rung of the ladder is called in a heading."""
    return RUNG_NAMES.get(level, level)


def rung(finding: Finding) -> str:
    """The rung of the ladder a finding belongs to, by the station in its code."""
    return _RUNG_OF_STATION.get(finding.code[2:3], "")


def severity_counts(page: Page) -> dict[Severity, int]:
    """How many findings of each severity; folded symptoms are not counted again."""
    return {severity: sum(f.severity is severity for f in page.findings) for severity in Severity}


def tally(page: Page) -> list[str]:
    """`2 errors`, `1 warning`, `17 checked and sound`, `3 not checked`: only what is not zero."""
    counts = [plural(n, _SEVERITY_NOUNS[s]) for s, n in severity_counts(page).items() if n]
    sound, unchecked = len(in_state(page, "sound")), len(in_state(page, "not checked"))
    counts += [f"{sound} checked and sound"] if sound else []
    return counts + ([f"{unchecked} not checked"] if unchecked else [])


def is_calm(page: Page) -> bool:
    """Nothing was found to the end, something was checked, and the session is as it was."""
    return not (page.findings or page.unfinished) and page.intact and bool(in_state(page, "sound"))


def is_to_read(page: Page) -> bool:
    """Whether nothing was measured: the page of a code, or of what was found among the variables."""
    return not (page.findings or page.verdicts or page.footer)


def headline(page: Page) -> str:
    """The verdict of the whole page in words, to be said before everything else."""
    sound, unchecked = in_state(page, "sound"), in_state(page, "not checked")
    if page.findings:
        return " · ".join(tally(page))
    if sound:
        rest = f" · {len(unchecked)} not checked" if unchecked else ""
        so_far = " so far" if page.unfinished else ""
        return f"nothing found{so_far}: {plural(len(sound), 'check')} sound{rest}"
    if page.unfinished and not page.verdicts:
        return ""  # it has only begun
    if unchecked:
        return f"nothing could be judged: {plural(len(unchecked), 'check')} not run"
    return "measured only: no check belongs to this page" if page.footer else ""  # without a footer: a page to read


def in_state(page: Page, state: str) -> list[Verdict]:
    """The verdicts of one state: "found", "sound" or "not checked"."""
    return [verdict for verdict in page.verdicts if verdict.state == state]


def reasons(page: Page) -> dict[str, list[Verdict]]:
    """Reason → the verdicts not checked for it, so that one missing loader is said once."""
    grouped: dict[str, list[Verdict]] = {}
    for verdict in in_state(page, "not checked"):
        reason = one_line(verdict.reason).rstrip(".").removeprefix("because ")
        grouped.setdefault(reason or "no reason was given", []).append(verdict)
    return grouped


def by_code(findings: tuple[Finding, ...]) -> list[tuple[list[Finding], list[Finding]]]:
    """For each code, in order of first appearance: the findings told in full, and the rest in a line each."""
    grouped: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: finding.severity.rank):
        grouped.setdefault((finding.code, finding.severity), []).append(finding)
    return [(same[:SHOWN_PER_CODE], same[SHOWN_PER_CODE:]) for same in grouped.values()]


def ladder(page: Page) -> dict[str, list[Section]]:
    """Level → its sections that have panels, from the bottom rung up; a level nobody knows comes last."""
    told = [section for section in page.sections if section.panels]
    levels = [*LADDER, *dict.fromkeys(s.level for s in told if s.level not in LADDER)]
    grouped = {level: [section for section in told if section.level == level] for level in levels}
    return {level: sections for level, sections in grouped.items() if sections}


def panels(page: Page) -> list[tuple[Section, Panel]]:
    """All panels with the section they are in, in the order of the ladder."""
    return [(s, panel) for sections in ladder(page).values() for s in sections for panel in s.panels]
