"""Does `fit` name what curves show, and leave sound ones alone? Over a hundred curves with a known diagnosis, real trainings among them.

    python benchmarks/fit.py [--markdown RESULTS] [--only tuned|held-out] [--list]

*named*: the diagnosis is among those made, whatever its severity. *alarm*: a warning or an error. A sound curve (dropout, augmentation, restarts,
early stopping, rewards, GANs …) may be given notes, but no alarm. The rival is what one would write in ten lines: last value beside first, and
whether validation rose from its best. Half of each kind is held out: no rule was changed by it.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from _fit_curves import SOUND, Case, cases

import nbdebug
from nbdebug.findings import INFO

NAMES = ("overfitting", "underfitting", "plateau", "oscillation", "divergence", "too slow", "leak suspected")


@dataclass(frozen=True)
class Told:
    """What was said of a curve."""

    case: Case
    named: tuple[str, ...]
    alarms: tuple[str, ...]
    rival: str  # "" where the rival says nothing
    seconds: float


def told(case: Case) -> Told:
    history = case.make()
    started = time.perf_counter()
    report = nbdebug.fit(history, **case.options)
    seconds = time.perf_counter() - started
    diagnoses = [diagnosis for diagnosis in report.result.diagnoses if diagnosis.code]
    return Told(case, tuple(d.name for d in diagnoses), tuple(d.name for d in diagnoses if d.severity is not INFO), rival(history), seconds)


def rival(history: dict[str, list[float]]) -> str:
    """The usual ten lines."""
    losses = [name for name in history if "loss" in name and not name.startswith(("val", "eval"))]
    if not losses:
        return ""
    training = history[losses[0]]
    validation = [v for name in history if name.startswith(("val", "eval")) for v in history[name] if math.isfinite(v)]
    if not math.isfinite(training[-1]) or training[-1] > 2 * training[0]:
        return "divergence"
    if validation and validation[-1] > 1.05 * min(validation):
        return "overfitting"
    if validation and validation[-1] < 0.9 * training[-1]:
        return "leak suspected"
    if training[-1] > 0.95 * training[0]:
        return "underfitting"
    third = training[-max(2, len(training) // 3) :]
    return "plateau" if abs(third[-1] - third[0]) < 0.01 * training[0] else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--only", choices=("tuned", "held-out"))
    parser.add_argument("--list", action="store_true", help="every curve with what was said of it")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    known = [case for case in cases() if asked.only is None or case.held_out == (asked.only == "held-out")]
    results = [told(case) for case in known]
    lines = [*_summary(results), "", *_confusion(results)]
    if asked.list:
        lines += ["", *_listed(results)]
    print("\n".join(lines))
    if asked.markdown:
        asked.markdown.write_text("\n".join(lines) + "\n")


def _summary(results: list[Told]) -> list[str]:
    lines = [
        "| half | curves | of trainings | named | alarms of faults, right | faults with a wrong alarm | false alarms on sound | rival named | rival: false alarms | seconds, median (max) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for half, chosen in (("tuned on", False), ("held out", True)):
        some = [r for r in results if r.case.held_out is chosen]
        sick, sound = [r for r in some if r.case.label != SOUND], [r for r in some if r.case.label == SOUND]
        if not some:
            continue
        alarmed = [r for r in sick if r.alarms]
        wrong = [r for r in alarmed if set(r.alarms) - {r.case.label, *r.case.mentioned}]
        cells = [
            half, len(some), sum(r.case.real for r in some), _share(r.case.label in r.named for r in sick),
            _share(r.case.label in r.alarms for r in alarmed), _share(r in wrong for r in sick), _share(bool(r.alarms) for r in sound),
            _share(r.rival == r.case.label for r in sick), _share(bool(r.rival) for r in sound),
            f"{statistics.median(r.seconds for r in some):.2f} ({max(r.seconds for r in some):.2f})",
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _confusion(results: list[Told]) -> list[str]:
    """Label by first diagnosis; sound curves by first alarm."""
    columns = (*NAMES, "none")
    lines = ["| label (both halves) | " + " | ".join(columns) + " | named |", "|---" * (len(columns) + 2) + "|"]
    for label in (*NAMES, SOUND):
        some = [r for r in results if r.case.label == label]
        said = [r.alarms if label == SOUND else r.named for r in some]
        counts = Counter((label if label in names else names[0]) if names else "none" for names in said)
        named = "–" if label == SOUND else _share(label in r.named for r in some)
        lines.append(f"| {label} ({len(some)}) | " + " | ".join(str(counts.get(c, "·")) for c in columns) + f" | {named} |")
    return lines


def _listed(results: Iterable[Told]) -> list[str]:
    lines = ["| label | curve | half | said | alarms | rival |", "|---|---|---|---|---|---|"]
    for r in results:
        half = "held out" if r.case.held_out else "tuned on"
        lines.append(f"| {r.case.label} | {r.case.name} | {half} | {', '.join(r.named) or '–'} | {', '.join(r.alarms) or '–'} | {r.rival or '–'} |")
    return lines


def _share(held: Iterable[bool]) -> str:
    known = list(held)
    return f"{sum(known)}/{len(known)}"


if __name__ == "__main__":
    main()
