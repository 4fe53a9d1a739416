"""What the curves say: each diagnosis is one judge, and how sure it is comes from judging resampled curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING
from nbdebug.instruments.fit.diagnosing.curves import Curves
from nbdebug.instruments.fit.diagnosing.healthy import healthy
from nbdebug.instruments.fit.diagnosing.instability import divergence, oscillation
from nbdebug.instruments.fit.diagnosing.leak import leak
from nbdebug.instruments.fit.diagnosing.overfitting import overfitting
from nbdebug.instruments.fit.diagnosing.resampling import resamples
from nbdebug.instruments.fit.diagnosing.slow import too_slow
from nbdebug.instruments.fit.diagnosing.standing import plateau, underfitting
from nbdebug.instruments.fit.result import Diagnosis

SURE_ENOUGH = 0.8  # share of resampled curves below which a judgement is mentioned and accuses nobody; our choice
Judge = Callable[[Curves], Diagnosis | None]
JUDGES: dict[str, Judge] = {
    "divergence": divergence, "oscillation": oscillation, "overfitting": overfitting, "underfitting": underfitting, "plateau": plateau,
    "too slow": too_slow, "leak suspected": leak,
}  # fmt: skip


def diagnosed(curves: Curves, count: int, seed: int) -> tuple[tuple[Diagnosis, ...], dict[str, str]]:
    """The diagnoses, worst first, and why some could not be made.

    Args:
        count: of resampled curves for how sure each is.
        seed: of the resampling.
    """
    found, not_checked = [], {}
    for name, judge in JUDGES.items():
        try:
            seen = judge(curves)
        except NotChecked as reason:
            not_checked[name] = str(reason)
            continue
        if seen is not None:
            found.append(_with_certainty(seen, judge, curves, count, seed))
    if any(diagnosis.name == "divergence" and diagnosis.severity is not INFO for diagnosis in found):
        found = [diagnosis for diagnosis in found if diagnosis.name == "divergence"]
    if not found and (sound := healthy(curves)) is not None:
        found = [_with_certainty(sound, healthy, curves, count, seed)]
    return tuple(sorted(found, key=lambda diagnosis: diagnosis.severity.rank)), not_checked


def _with_certainty(seen: Diagnosis, judge: Judge, curves: Curves, count: int, seed: int) -> Diagnosis:
    held = sum(_holds(judge, other) for other in resamples(curves, count, seed))
    sure = held / count
    doubtful = seen.severity is WARNING and sure < SURE_ENOUGH
    return replace(seen, sure=sure, severity=INFO if doubtful else seen.severity)


def _holds(judge: Judge, curves: Curves) -> bool:
    try:
        return judge(curves) is not None
    except NotChecked:
        return False
