"""From the reports of the instruments to the light of each question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nbdebug.findings import Finding
from nbdebug.instruments.report import Report
from nbdebug.levels.questions import LEVELS, Question
from nbdebug.levels.result import Answered, Levels
from nbdebug.page import Answer, Panel, Table, Verdict

MOST_PANELS = 3  # of a question's evidence; the reports have them all
WEIGHT = ("error", "warning", "info", "sound", "not checked")


def answered(reports: Sequence[Report], findings: Iterable[Finding], facts: Iterable[Answer], waiting: str) -> Levels:
    """Every question with its light.

    Args:
        reports: of the instruments that ran, one each.
        findings: of all of them together, symptoms folded under their causes.
        facts: answers that no instrument gives, by question.
        waiting: what is said of a question that nothing has answered.
    """
    known, told = {fact.question: fact for fact in facts}, list(findings)
    return Levels(tuple(Answered(level.name, tuple(_answer(q, reports, told, known.get(q.text), waiting) for q in level.questions)) for level in LEVELS))


def _answer(question: Question, reports: Sequence[Report], findings: list[Finding], fact: Answer | None, waiting: str) -> Answer:
    found = tuple(f for f in findings if f.code in question.codes)
    folded = tuple(s for f in findings for s in f.symptoms if s.code in question.codes)
    verdicts = _verdicts(question, reports)
    light, words = _light(found, folded, verdicts, findings, waiting)
    evidence = (*_panels(question, reports), *_checked(verdicts))
    if fact is None:
        return Answer(question.text, light, words, (*found, *folded), evidence)
    if WEIGHT.index(light) < WEIGHT.index(fact.light):  # a finding outweighs a fact
        return Answer(question.text, light, words, (*found, *folded), (*fact.evidence, *evidence))
    return Answer(question.text, fact.light, fact.words, found, (*fact.evidence, *_checked(verdicts)))


def _light(
    found: Sequence[Finding], folded: Sequence[Finding], verdicts: dict[str, Verdict], findings: list[Finding], waiting: str
) -> tuple[str, str]:
    if found:
        worst = min(found, key=lambda f: f.severity.rank)
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return str(worst.severity), f"{worst.code} {worst.title}{more}"
    if folded:
        cause = next(f for f in findings if folded[0] in f.symptoms)
        return str(folded[0].severity), f"{folded[0].code} {folded[0].title}, which {cause.code} explains"
    sound = [v for v in verdicts.values() if v.state == "sound"]
    if sound:
        rest = len(verdicts) - len(sound)
        return "sound", f"{len(sound)} check{'s' * (len(sound) != 1)} sound" + (f", {rest} not checked" if rest else "")
    reasons = list(dict.fromkeys(v.reason.removeprefix("because ") for v in verdicts.values() if v.reason))
    return "not checked", reasons[0] if reasons else waiting


def _verdicts(question: Question, reports: Sequence[Report]) -> dict[str, Verdict]:
    """One a code: sound outweighs not checked."""
    best: dict[str, Verdict] = {}
    for verdict in (v for report in reports for v in report.verdicts if v.code in question.codes):
        if verdict.code not in best or best[verdict.code].state == "not checked":
            best[verdict.code] = verdict
    return dict(sorted(best.items()))


def _checked(verdicts: dict[str, Verdict]) -> tuple[Panel, ...]:
    rows = tuple((v.code, v.title, v.state, v.reason or None) for v in verdicts.values())
    return (Table("what was looked for", ("code", "trouble", "state", "because"), rows),) if rows else ()


def _panels(question: Question, reports: Sequence[Report]) -> tuple[Panel, ...]:
    by_name = {report.instrument: report for report in reports if report.result is not None}
    shown = [
        panel
        for instrument, beginning in question.panels
        if instrument in by_name
        for panel in by_name[instrument].result.panels()
        if panel.title.startswith(beginning)
    ]
    return tuple(shown[:MOST_PANELS])
