"""A page as text, for a terminal without colour: findings first, then what was measured."""

from __future__ import annotations

import textwrap

from nbdebug.findings import Finding
from nbdebug.page import Curve, Glance, Page, Section
from nbdebug.render import outline
from nbdebug.render.numbers import LONG, number, one_line, plural, sentence, shortened
from nbdebug.render.text_panels import panel_lines, sparkline

WIDTH = 92  # columns; a panel may use a few more
_INDENT = "    "
_SPARK = 16  # characters of a curve in a line that is overwritten


def render(page: Page) -> str:
    """The page as lines of at most about 92 columns."""
    blocks = [_head(page), *_found(page), _unchecked(page), _sound(page), *_sections(page), _foot(page)]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _head(page: Page) -> list[str]:
    title = one_line(page.title)
    lines = _wrapped(title) + (_wrapped(page.subtitle) if page.subtitle else [])
    alarm = [] if page.intact else ["YOUR SESSION WAS CHANGED: see the last lines"]
    return [*lines, *filter(None, [outline.headline(page)]), *alarm]


def _found(page: Page) -> list[list[str]]:
    blocks = []
    for told, rest in outline.by_code(page.findings):
        blocks += [_finding(finding) for finding in told]
        if rest:
            blocks.append([f"{_INDENT}… and {len(rest):,} more of {rest[0].code}:", *_brief(rest)])
    return blocks


def _brief(rest: list[Finding]) -> list[str]:
    lines = [line for f in rest[:4] for line in _shortly(f)]
    return lines + ([f"{_INDENT * 2}…"] if len(rest) > 4 else [])


def _shortly(finding: Finding) -> list[str]:
    """Where it is and what was seen, in at most two lines; several of one code may lie in one place."""
    lines = _wrapped(": ".join(filter(None, [str(finding.location), finding.message])), _INDENT * 2, hanging="  ")
    return lines if len(lines) <= 2 else [lines[0], f"{lines[1][: WIDTH - 2]} …"]


def _finding(finding: Finding) -> list[str]:
    head = f"{str(finding.severity).upper()} {finding.code}  {one_line(finding.title)}"
    where = _wrapped(f"at {finding.location}", _INDENT) if finding.location else []
    lines = [*_wrapped(head), *where, *_wrapped(sentence(finding.message), _INDENT)]
    if finding.advice:
        lines += _wrapped(f"Try: {finding.advice}", _INDENT, hanging="     ")
    if finding.evidence:
        facts = ", ".join(f"{one_line(name)} = {number(value)}" for name, value in finding.evidence.items())
        lines += _wrapped(f"Evidence: {facts}", _INDENT, hanging="          ")
    for symptom in finding.symptoms:
        lines += _wrapped(
            f"Explains {symptom.code} {symptom.title}: {symptom.message}", _INDENT, hanging="         "
        )
    return lines


def _unchecked(page: Page) -> list[str]:
    grouped = outline.reasons(page)
    if not grouped:
        return []
    lines = ["NOT CHECKED, BECAUSE"]
    for reason, verdicts in grouped.items():
        names = ", ".join(f"{v.code} {v.title}" for v in verdicts)
        lines += _wrapped(f"{reason}: {names}", _INDENT, hanging="  ")
    return lines


def _sound(page: Page) -> list[str]:
    sound = outline.in_state(page, "sound")
    if not sound:
        return []
    return ["CHECKED AND SOUND (looked for, and not found)", *_wrapped(", ".join(f"{v.code} {v.title}" for v in sound), _INDENT)]


def _sections(page: Page) -> list[list[str]]:
    blocks = []
    for level, sections in outline.ladder(page).items():
        for section in sections:
            blocks.append(_rule(level, section))
            blocks += [panel_lines(panel, WIDTH) for panel in section.panels]
    return blocks


def _rule(level: str, section: Section) -> list[str]:
    name = f"{outline.rung_name(level)}: " if level else ""
    seconds = f" · {section.seconds:.1f} s" if section.seconds >= LONG else ""
    head = f"── {shortened(name + section.title, WIDTH - 16)}{seconds} "
    return [head + "─" * max(0, WIDTH - len(head))]


def _foot(page: Page) -> list[str]:
    if page.intact:
        # in a terminal the findings have scrolled away when the measurements end
        codes = [f.code for f in page.findings] if outline.panels(page) else []
        again = _wrapped(f"found, and told at the top: {', '.join(dict.fromkeys(codes))}") if codes else []
        return [*again, *(line for text in page.footer for line in _wrapped(text))]
    lines = ["!! YOUR SESSION WAS CHANGED", *page.footer]
    return ["!" * WIDTH, *(line for text in lines for line in _wrapped(text)), "!" * WIDTH]


def _wrapped(text: str, indent: str = "", *, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        one_line(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_on_hyphens=False,
    )


def compact(page: Page | Glance) -> str:
    """The page in one line, for a place that is overwritten."""
    if isinstance(page, Glance):
        found = [f"{f.code} {one_line(f.title)}" for f in page.findings[:3]]
        return " · ".join(filter(None, [one_line(page.title), one_line(page.line), _spark(page), *found]))
    codes = [f"{f.code} {one_line(f.title)}" for f in page.findings[:3]]
    more = [plural(len(page.findings) - 3, "finding") + " more"] if len(page.findings) > 3 else []
    doing = f"{one_line(page.unfinished)} …" if page.unfinished else ""
    return " · ".join(filter(None, [one_line(page.title), doing, outline.headline(page), *codes, *more]))


def _spark(glance: Glance) -> str:
    """The first line of its first curve in a few characters."""
    curve = next((panel for panel in glance.panels if isinstance(panel, Curve)), None)
    return sparkline(next(iter(curve.series.values())), _SPARK, log=curve.log_y) if curve is not None and curve.series else ""
