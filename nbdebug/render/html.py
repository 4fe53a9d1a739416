"""A page as HTML: no script, nothing loaded from elsewhere, everything escaped, readable without its style."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbdebug.findings import Finding
from nbdebug.page import Checklist, Curve, Glance, Note, Page, Panel, Section, Verdict
from nbdebug.render import outline
from nbdebug.render.html_panels import drawing, is_small, panel_html
from nbdebug.render.html_tables import escape, evidence_table
from nbdebug.render.numbers import LONG, one_line, plural, sentence
from nbdebug.render.svg import key
from nbdebug.render.theme import document_css, fragment_css

_OPEN_PANELS = 3  # small panels that stand open; the others unfold at a click
_LIVE_FINDINGS = 5  # while something runs, so that the output does not grow under the reader
# both classes keep MathJax from setting a `$` in a class name or a message as a formula
_ROOT = '<div class="nbd tex2jax_ignore mathjax_ignore">'


def render(page: Page) -> str:
    """The page as a fragment that brings its own style and follows the theme of the notebook it is put in."""
    return fragment(head(page) + _found(page) + verdicts(page) + _ladder(page) + footer(page))


def document(page: Page) -> str:
    """The page as a file of its own, following the browser's choice of light or dark."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(one_line(page.title))}</title>\n</head>\n<body>\n<main>\n{render(page)}</main>\n"
        # after the fragment's own style, which it overrides when the browser prefers dark
        f"<style>{document_css()}</style>\n</body>\n</html>\n"
    )


def fragment(content: str) -> str:
    """Any part of a page, with the style and inside the class that it needs."""
    return f"{_ROOT}\n<style>{fragment_css()}</style>\n{content}</div>\n"


def part(content: str) -> str:
    """The same where a fragment beside it has brought the style already."""
    return f"{_ROOT}\n{content}</div>\n" if content else ""


def head(page: Page) -> str:
    """Title, subject and the verdict in words."""
    subject = f'<p class="nbd-quiet">{escape(one_line(page.subtitle))}</p>\n' if page.subtitle else ""
    alarm = (
        ""
        if page.intact
        else '<p class="nbd-error"><b>Your session was changed: see the end of this page.</b></p>\n'
    )
    return f"<header>\n<h3>{escape(_capital(page.title))}</h3>\n{subject}{_headline(page)}{alarm}</header>\n"


def _headline(page: Page) -> str:
    words = escape(sentence(outline.headline(page)).rstrip("."))
    if not words:
        return ""
    if outline.is_calm(page):
        return f'<p class="nbd-headline nbd-calm">✓ {words}</p>\n'
    if not page.findings:
        return f'<p class="nbd-headline">{words}</p>\n'
    kinds = [str(severity) for severity, count in outline.severity_counts(page).items() if count]
    parts = outline.tally(page)
    classes = [f"nbd-{kind}" for kind in kinds] + ["nbd-quiet"] * (len(parts) - len(kinds))
    spans = (f'<b class="{kind}">{escape(part)}</b>' for kind, part in zip(classes, parts, strict=True))
    return f'<p class="nbd-headline">{" · ".join(spans)}</p>\n'


def _found(page: Page) -> str:
    if not page.findings:
        return ""
    cards = [
        "".join(card(finding) for finding in told) + (_rest(rest) if rest else "")
        for told, rest in outline.by_code(page.findings)
    ]
    return f"<section>\n<h4>Found</h4>\n{''.join(cards)}</section>\n"


def card(finding: Finding, *, opened: bool = False) -> str:
    """A finding with all it knows: evidence and symptoms folded unless opened."""
    kind = str(finding.severity)
    title = (
        f'<h5><b class="nbd-chip">{kind}</b> <code class="nbd-code">{escape(finding.code)}</code> '
        f"<b>{_prose(_capital(finding.title))}</b></h5>\n"
    )
    where = (
        f'<p class="nbd-where"><code>{escape(one_line(str(finding.location)))}</code></p>\n'
        if finding.location
        else ""
    )
    advice = f'<p class="nbd-try"><b>Try:</b> {_prose(finding.advice)}</p>\n' if finding.advice else ""
    folded = _symptoms(finding, opened) + _evidence(finding, opened)
    message = f"<p>{_prose(sentence(finding.message))}</p>\n"
    return f'<article class="nbd-card nbd-card-{kind}">\n{title}{where}{message}{advice}{folded}</article>\n'


def _symptoms(finding: Finding, opened: bool) -> str:
    return "".join(
        f"<details{_open(opened)}><summary>explains: {escape(symptom.code)} "
        f"{escape(one_line(symptom.title))}</summary>\n"
        f"<p>{_prose(sentence(symptom.message))}{_at(symptom)}</p></details>\n"
        for symptom in finding.symptoms
    )


def _evidence(finding: Finding, opened: bool) -> str:
    if not finding.evidence:
        return ""
    return (
        f"<details{_open(opened)}><summary>evidence</summary>\n{evidence_table(finding.evidence)}</details>\n"
    )


def _rest(rest: list[Finding]) -> str:
    lines = "".join(f"<li>{_prose(sentence(finding.message))}{_at(finding)}</li>\n" for finding in rest[:200])
    kind = str(rest[0].severity)
    summary = f"and {len(rest):,} more of {escape(rest[0].code)}"
    folded = f"<details><summary>{summary}</summary>\n<ul>{lines}</ul></details>"
    return f'<div class="nbd-card nbd-card-{kind}">{folded}</div>\n'


def _at(finding: Finding) -> str:
    return (
        f' <span class="nbd-where">{escape(one_line(str(finding.location)))}</span>'
        if finding.location
        else ""
    )


def verdicts(page: Page) -> str:
    """What was checked and sound, and what was not checked and why."""
    return _sound(page) + _unchecked(page)


def _sound(page: Page) -> str:
    sound = outline.in_state(page, "sound")
    if not sound:
        return ""
    items = "".join(f"<li>{_check(verdict)}</li>\n" for verdict in sound)
    summary = f"{plural(len(sound), 'fault')} looked for and not found"
    return (
        f'<section>\n<h4>Checked and sound</h4>\n<details><summary>{summary}</summary>\n<ul class="nbd-sounds">\n'
        f"{items}</ul></details>\n</section>\n"
    )


def _unchecked(page: Page) -> str:
    items = "".join(
        f"<li>{_prose(sentence(reason).rstrip('.'))}: "
        f'<span class="nbd-quiet">{", ".join(_check(verdict) for verdict in verdicts)}</span></li>\n'
        for reason, verdicts in outline.reasons(page).items()
    )
    return (
        f'<section>\n<h4>Not checked, because</h4>\n<ul class="nbd-reasons">\n{items}</ul>\n</section>\n'
        if items
        else ""
    )


def _check(verdict: Verdict) -> str:
    return f'<code class="nbd-code">{escape(verdict.code)}</code> {_prose(one_line(verdict.title))}'


def _ladder(page: Page) -> str:
    opened = _opened(page)
    return "".join(_rung(page, level, sections, opened) for level, sections in outline.ladder(page).items())


def _opened(page: Page) -> set[int]:
    """Identities of the panels that stand open: all of a page to read; of a report what is to be pasted, checklists, and the first small ones."""
    told = [panel for _, panel in outline.panels(page)]
    if outline.is_to_read(page):
        return set(map(id, told))
    small = [panel for panel in told if is_small(panel) and not _is_to_be_seen(panel)]
    return set(map(id, [*filter(_is_to_be_seen, told), *small[:_OPEN_PANELS]]))


def _is_to_be_seen(panel: Panel) -> bool:
    return isinstance(panel, Checklist) or (isinstance(panel, Note) and panel.kind == "code")


def _rung(page: Page, level: str, sections: list[Section], opened: set[int]) -> str:
    """The sections of a rung; a heading that would only repeat another is left out."""
    name, alone = outline.rung_name(level), len(sections) == 1
    said_above = alone and sections[0].title.lower() in (name, page.title.lower())
    seconds = _seconds(sections[0]) if said_above else ""
    head = "" if outline.is_to_read(page) else f"<h4>{escape(_capital(name))}{seconds}</h4>\n"
    told = "".join(
        ("" if said_above else f'<h5 class="nbd-instrument">{escape(_capital(s.title))}{_seconds(s)}</h5>\n')
        + "".join(panel_html(panel, opened=id(panel) in opened) for panel in s.panels)
        for s in sections
    )
    return f"<section>\n{head}{told}</section>\n"


def _seconds(section: Section) -> str:
    return f' <span class="nbd-quiet">· {section.seconds:.1f} s</span>' if section.seconds >= LONG else ""


def footer(page: Page) -> str:
    """The closing lines; an alarm when the session was found changed."""
    lines = "".join(f"<p>{_prose(_capital(line))}</p>\n" for line in page.footer)
    if page.intact:
        return f'<footer class="nbd-quiet">\n{lines}</footer>\n' if lines else ""
    return f'<footer class="nbd-alarm" role="alert">\n<p><b>Your session was changed.</b></p>\n{lines}</footer>\n'


def compact(content: Page | Glance | str) -> str:
    """A few lines for an output that is refreshed while something runs."""
    if isinstance(content, str):
        return fragment(f'<p class="nbd-quiet">{_prose(one_line(content))}</p>\n')
    found = found_lines(content.findings)
    if isinstance(content, Glance):
        return fragment(progress(content) + found + drawings(content.panels))
    doing = f'<p class="nbd-quiet">{_prose(_capital(content.unfinished))} …</p>\n' if content.unfinished else ""
    return fragment(head(content) + found + doing)


def found_lines(findings: Sequence[Finding]) -> str:
    """The worst findings, a line each."""
    lines = "".join(
        f'<li><span class="nbd-{f.severity}">{f.severity}</span> <code class="nbd-code">{escape(f.code)}</code> '
        f"{_prose(one_line(f.title))}{_at(f)}</li>\n"
        for f in findings[:_LIVE_FINDINGS]
    )
    more = len(findings) - _LIVE_FINDINGS
    return f"<ul>{lines}</ul>" + (f"<p>… {more:,} more</p>" if more > 0 else "")


def progress(glance: Glance) -> str:
    done = 0.0 if glance.done is None else min(1.0, max(0.0, glance.done))
    bar = f'<div class="nbd-bar"><div style="width:{done:.1%}"></div></div>\n' if glance.done is not None else ""
    words = f'<b>{escape(_capital(glance.title))}</b> <span class="nbd-quiet">{escape(one_line(glance.line))}</span>'
    return f'<p class="nbd-now">{words}</p>\n{bar}'


def drawings(panels: Sequence[Panel]) -> str:
    """The panels without the numbers beneath them: what is refreshed twice a second is looked at, not read."""
    drawn = "".join(f'<div><h5>{escape(_capital(p.title))}{_keys(p)}</h5>\n<div class="nbd-body">{drawing(p)}</div></div>\n' for p in panels)
    return f'<div class="nbd-glance">{drawn}</div>\n' if drawn else ""


def _keys(panel: Panel) -> str:
    """Which line is which, where there are several."""
    if not isinstance(panel, Curve) or len(panel.series) < 2:
        return ""
    return "".join(f' <span class="nbd-quiet"><span class="nbd-key">{key(i)}</span>{escape(one_line(name))}</span>' for i, name in enumerate(panel.series))


def _prose(text: str) -> str:
    """Escaped text in which `backticks` mark code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text))


def _capital(text: str) -> str:
    """The text begun with a capital, and without a full stop of ours."""
    text = one_line(text)
    return sentence(text)[: len(text)]


def _open(opened: bool) -> str:
    return " open" if opened else ""
