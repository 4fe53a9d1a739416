"""Which finding explains which: a symptom is folded under its cause, so that a report names the trouble once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nbdebug.findings import Finding, Severity

DATA = ("ND101", "ND102", "ND103", "ND112")
BLIND = ("ND201", "ND202", "ND303", "ND304", "ND305")  # the model cannot tell inputs apart, or starts far off
ORDER = ("ND601", "ND602", "ND603", "ND806")  # the calls of a loop: what comes of them shows in its numbers and curves
UPDATES = ("ND604", "ND605", "ND607", "ND608")  # too large, too small, eaten, drowned
BIRTHS = ("ND101", "ND308", "ND309", "ND504", "ND807")  # of the first NaN
CAUSES: dict[str, tuple[str, ...]] = {  # symptom → what explains it, when it was found too
    "ND102": ("ND110", "ND111", "ND114"),
    "ND110": ("ND111",),
    "ND117": ("ND110",),
    "ND301": ("ND304",),
    "ND303": ("ND102", "ND304", "ND305", "ND201", "ND307"),
    "ND302": ("ND301", "ND304"),
    "ND307": (*DATA, "ND201", "ND202", *ORDER, "ND604", "ND607", "ND709"),
    "ND308": ("ND101", "ND402", *ORDER, "ND604"),
    "ND310": BIRTHS,
    "ND311": BIRTHS,
    "ND312": ("ND101", "ND103", "ND402", "ND404"),
    "ND402": ("ND405",),
    "ND404": ("ND305",),
    "ND406": (*DATA, *BIRTHS, "ND608", "ND202", "ND304", "ND305", "ND402", "ND403", "ND404", "ND405", "ND503"),
    "ND501": ("ND303",),
    "ND502": (*DATA, *BLIND, "ND307", "ND401", *ORDER, "ND604", "ND607"),
    "ND503": (*DATA, "ND202", "ND405", *ORDER, "ND604"),
    "ND504": ("ND101", "ND308", "ND405", *ORDER, "ND604"),
    "ND602": ("ND601", "ND806"),
    "ND603": ("ND602", "ND806"),
    "ND604": (*ORDER, *DATA, "ND202", "ND310", "ND311", "ND405", "ND606", "ND607"),
    "ND605": (*ORDER, "ND112", "ND805", "ND606", "ND608"),
    "ND607": ORDER,
    "ND608": ORDER,
    "ND704": (*ORDER, "ND405", "ND205", "ND702", "ND805", "ND606", "ND706", *UPDATES, "ND307", "ND502", "ND503", "ND711"),
    "ND705": (*ORDER, "ND405", "ND702", "ND805", "ND606", "ND706", *UPDATES, "ND307", "ND502", "ND503", "ND711"),
    "ND706": (*ORDER, "ND405", "ND702", "ND805", "ND709", "ND604", "ND608", "ND503", "ND606", *BIRTHS),
    "ND709": (*ORDER, *BIRTHS, "ND604"),
    "ND711": (*DATA, *BLIND, *ORDER, "ND702", "ND707", "ND805", "ND606", *UPDATES, *BIRTHS, "ND307", "ND401", "ND502", "ND503", "ND709", "ND706"),
    "ND712": (*ORDER, "ND702", "ND707", "ND805", "ND606", "ND604", "ND503", "ND706"),
    "ND805": ("ND806",),
    "ND807": ("ND806", "ND805"),
}
LAST_RESORT = ("ND701", "ND710")  # explained by any alarm that is more specific
HARMLESS = ("ND105", "ND106", "ND107", "ND108", "ND115", "ND116", "ND306")  # to memorising: they lie between the splits, or in evaluation


def fold(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with every symptom under its cause; order is kept."""
    listed = list(findings)
    alarms = {f.code: f for f in sorted(reversed(listed), key=_names_a_step) if f.severity is not Severity.INFO}  # the first of each code, of one that names a step that one
    symptoms: dict[int, list[Finding]] = {}
    kept = []
    for finding in listed:
        cause = _root(finding, alarms)
        if cause is finding:
            kept.append(finding)
        else:
            symptoms.setdefault(id(cause), []).append(finding)
    return tuple(replace(f, symptoms=(*f.symptoms, *symptoms.get(id(f), ()))) if id(f) in symptoms else f for f in kept)


def _names_a_step(finding: Finding) -> bool:
    """Whether it says which step of the dataset makes what others of its code have only seen come out."""
    return "made_by" in finding.evidence


def _root(finding: Finding, alarms: dict[str, Finding]) -> Finding:
    """The cause that has no cause itself."""
    born = alarms.get(finding.code)
    if born is not None and _names_a_step(born) and not _names_a_step(finding):
        finding = born
    seen = {finding.code}
    while (cause := _cause(finding, alarms)) is not None and cause.code not in seen:
        seen.add(cause.code)
        finding = cause
    return finding


def _cause(finding: Finding, alarms: dict[str, Finding]) -> Finding | None:
    if finding.code in LAST_RESORT:
        return next((f for code, f in sorted(alarms.items()) if code not in (*LAST_RESORT, *HARMLESS) and code[2] not in "079"), None)
    return next((alarms[code] for code in CAUSES.get(finding.code, ()) if code in alarms), None)
