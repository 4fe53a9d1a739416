"""Recall and false alarms of `checkup` on the patients of tests/: the development set, not a held-out one.

    python benchmarks/precision.py

The thresholds were chosen while looking at these trainings, so the figures say that nothing has slipped since. What
nbdebug finds in trainings it has never seen they do not say. Every sick patient has a mended twin among the sound.
"""

from __future__ import annotations

import importlib
import pkgutil
import statistics
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import nbdebug
from nbdebug.findings import INFO

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ is not installed
from tests import patients  # noqa: E402

for module in pkgutil.iter_modules(patients.__path__):
    importlib.import_module(f"tests.patients.{module.name}")


@dataclass(frozen=True)
class Examined:
    patient: patients.Patient
    alarms: tuple[str, ...]  # codes of errors and warnings, as ranked
    seconds: float


def examined(patient: patients.Patient) -> Examined:
    report = nbdebug.checkup(patient.build())
    alarms = tuple(finding.code for finding in report.findings if finding.severity is not INFO)
    return Examined(patient, alarms, report.seconds)


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torch's, on what the patients were made to do
    print("DEVELOPMENT SET: thresholds were chosen on these patients; this is no held-out test.")
    print(f"torch {torch.__version__}, one thread, checkup with its default budget\n")
    sick, sound = [examined(p) for p in patients.SICK], [examined(p) for p in patients.SOUND]
    codes = {code for patient in patients.SICK for code in patient.codes}
    print(f"sick {len(sick)}, with {len(codes)} codes")
    tell("the code was right", sick, lambda one: one.patient.codes <= set(one.alarms))
    tell("and ranked first", sick, lambda one: one.alarms[:1] and one.alarms[0] in one.patient.codes)
    tell("and no other alarm", sick, lambda one: set(one.alarms) == one.patient.codes)
    print(f"sound {len(sound)}, of them mended twins {sum(one.patient.name.endswith(', mended') for one in sound)}")
    tell("without any alarm", sound, lambda one: not one.alarms)
    times = [one.seconds for one in (*sick, *sound)]
    print(f"seconds: median {statistics.median(times):.2f}, most {max(times):.2f}")


def tell(said: str, found: Sequence[Examined], holds: Callable[[Examined], object]) -> None:
    """One line of the count, and one for each patient of whom it does not hold."""
    failing = [one for one in found if not holds(one)]
    print(f"  {said:<22}{len(found) - len(failing):>4} of {len(found)}")
    for one in failing:
        print(f"      not {one.patient.name}: wanted {sorted(one.patient.codes)}, alarms {list(one.alarms)}")


if __name__ == "__main__":
    main()
