"""Where is the first NaN born: `find_nan` on the planted faults of tests/nans, and the tools that are used for the same question.

    python benchmarks/find_nan.py

Half of the faults were looked at while nbdebug was written (*tuned*), on the other half nothing was changed (*held out*). *line* counts the
faults that lie on a line of the user's; of data the sample and the column count instead, of torch's optimizers the parameter or the
quantity. A sound training has legal infinities or is a mended twin. The peers get the same trainings and as many steps, and are asked for a
line only of the faults that lie on one: detect_anomaly names it in its warning, DebugUnderflowOverflow prints modules. Tools that are not
installed are listed as such.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import io
import itertools
import os
import pkgutil
import re
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import nbdebug
from nbdebug.findings import INFO

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ is not installed
from tests import nans  # noqa: E402

for module in pkgutil.iter_modules(nans.__path__):
    importlib.import_module(f"tests.nans.{module.name}")

STEPS = 40
WANTED = {"phase": 0.95, "line": 0.90}


@dataclass(frozen=True)
class Told:
    """What a tool says of one training; None where it says nothing of the kind."""

    alarm: bool
    phase: bool | None = None
    line: bool | None = None
    code: bool | None = None
    seconds: float = 0.0
    said: str = ""


def nbdebug_says(patient: nans.NanPatient) -> Told:
    report = nbdebug.find_nan(patient.build(), max_steps=STEPS)
    origin, alarms = report.result.origin, [f.code for f in report.findings if f.severity is not INFO]
    if origin is None:
        return Told(bool(alarms), False, False, False, report.seconds, "finite")
    said = f"{origin.phase} · {origin.location} · {origin.detail} · {alarms}"
    place = _on_line(patient, origin.file, origin.line) if patient.guilty else patient.where in said
    place = place and patient.sample in (None, origin.sample) and patient.column in (None, origin.column)
    return Told(True, origin.phase == patient.phase, place, alarms == [patient.code], report.seconds, said)


def detect_anomaly_says(patient: nans.NanPatient) -> Told:
    with warnings.catch_warnings(record=True) as warned, torch.autograd.detect_anomaly():
        warnings.simplefilter("always")
        seconds, error = _trained(patient)
    asked = bool(patient.guilty)  # what lies on no line is not asked of it
    if not isinstance(error, RuntimeError) or "returned nan" not in str(error):
        return Told(False, None, False if asked else None, None, seconds)
    frames = [frame for w in warned for frame in re.findall(r'File "(.+?)", line (\d+)', str(w.message))]
    own = [(file, int(line)) for file, line in frames if os.path.abspath(file) == os.path.abspath(patient.file)]
    return Told(True, None, bool(own) and _on_line(patient, *own[-1]) if asked else None, None, seconds)


def underflow_overflow_says(patient: nans.NanPatient) -> Told:
    from transformers.debug_utils import DebugUnderflowOverflow

    with contextlib.redirect_stdout(io.StringIO()):
        seconds, error = _trained(patient, attach=DebugUnderflowOverflow)
    return Told(isinstance(error, ValueError) and "DebugUnderflowOverflow" in str(error), seconds=seconds)


TOOLS: dict[str, tuple[str, Callable[[nans.NanPatient], Told]]] = {  # name → package, what it says
    "nbdebug.find_nan": ("nbdebug", nbdebug_says),
    "torch detect_anomaly": ("torch", detect_anomaly_says),
    "transformers DebugUnderflowOverflow": ("transformers", underflow_overflow_says),
}


def _trained(patient: nans.NanPatient, attach: Callable[[Any], Any] | None = None) -> tuple[float, BaseException | None]:
    """Seconds of a training in which a peer takes part, and what was raised in it."""
    setup = patient.build()
    started = time.perf_counter()
    try:
        held = attach(setup.model) if attach is not None else None
        with torch.compiler.set_stance("force_eager"):
            for batch in itertools.islice(_batches(setup.train_loader), STEPS):
                _step(setup, batch)
        del held
    except Exception as error:
        return time.perf_counter() - started, error.__cause__ or error
    return time.perf_counter() - started, None


def _step(setup: nbdebug.TrainingSetup, batch: Any) -> None:
    if any(isinstance(optimizer, torch.optim.LBFGS) for optimizer in setup.optimizers):
        setup.backward(setup.loss(batch))
        setup.model.zero_grad()
        return
    setup.backward(setup.loss(batch))
    setup.step()


def _batches(loader: Iterable[Any]) -> Iterator[Any]:
    while True:
        yield from loader


def _on_line(patient: nans.NanPatient, file: str, line: int | None) -> bool:
    return os.path.abspath(file) == os.path.abspath(patient.file) and line in patient.guilty


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="tools whose name contains this")
    parser.add_argument("--misses", action="store_true", help="also what was said of the faults that were missed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torch's, on what the patients were made to do
    twins = sum(p.name.endswith(", mended") for p in nans.SOUND)
    print(f"torch {torch.__version__}, one thread, {STEPS} steps at most")
    print(f"{len(nans.SICK)} faults, {len(_half(True))} of them held out; {len(nans.SOUND)} sound, {twins} of them mended twins\n")
    for name, (package, says) in TOOLS.items():
        if arguments.only not in name:
            continue
        if importlib.util.find_spec(package) is None:
            print(f"{name}: not installed, pip install {package}")
            continue
        measure(name, says, arguments.misses)
    if importlib.util.find_spec("torchlens") is None:
        print("TorchLens: not installed, not compared here")


def measure(name: str, says: Callable[[nans.NanPatient], Told], misses: bool) -> None:
    """Prints a block for one tool."""
    says(nans.SICK[0])  # imports and lazy set-up
    told = {patient.name: says(patient) for patient in (*nans.SICK, *nans.SOUND)}
    print(name)
    for half, patients in (("tuned", _half(False)), ("held out", _half(True)), ("all", nans.SICK)):
        noticed = sum(told[p.name].alarm for p in patients)
        shares = "".join(_share(what, patients, told) for what in ("phase", "line", "code"))
        print(f"  {half:<9}noticed {noticed:>3} of {len(patients):<4}{shares}")
    alarms = [p.name for p in nans.SOUND if told[p.name].alarm]
    print(f"  sound    {len(alarms)} alarms on {len(nans.SOUND)}{': ' + ', '.join(alarms) if alarms else ''}")
    seconds = [t.seconds for t in told.values()]
    print(f"  seconds  median {statistics.median(seconds):.3f}, most {max(seconds):.2f}\n")
    if misses:
        for p in nans.SICK:
            if False in (told[p.name].phase, told[p.name].line, told[p.name].code):
                print(f"    missed {p.name}: {told[p.name].said or 'nothing or another line was named'}")


def _half(held_out: bool) -> list[nans.NanPatient]:
    return [patient for patient in nans.SICK if patient.held_out is held_out]


def _share(what: str, patients: list[nans.NanPatient], told: dict[str, Told]) -> str:
    values = [value for p in patients if (value := getattr(told[p.name], what)) is not None]
    if not values:
        return f"   {what}: says none"
    right = sum(value is True for value in values)
    short = "  TOO FEW" if right / len(values) < WANTED.get(what, 0.0) and told[patients[0].name].phase is not None else ""
    return f"   {what} {right:>3} of {len(values)} ({right / len(values):.0%}){short}"


if __name__ == "__main__":
    main()
