"""Each patient's module, line and mend are told; its twin runs."""

from __future__ import annotations

import os

import pytest

from nbdebug.crash import explained
from tests.crash import PATIENTS, CrashPatient, patients  # noqa: F401  they register
from tests.crash.applying import applied

UNTRIED = {"loss_of_the_predicted_classes"}  # what is to be done is no single line
STAND_IN = {"mask_made_on_another_device"}  # the meta device has no values that could be moved
TUNED = [patient for patient in PATIENTS if not patient.held_out]
HELD_OUT = [patient for patient in PATIENTS if patient.held_out]
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda p: p.name)
def test_module_line_and_phase_are_named(patient: CrashPatient) -> None:
    crash = explained(patient.raised())
    assert crash.location.module == patient.module
    assert os.path.abspath(crash.location.file) == patient.file and crash.location.line in patient.guilty, str(crash.location)
    assert (crash.phase, crash.stopped) == (patient.phase, "")


@pytest.mark.parametrize("patient", TUNED, ids=lambda p: p.name)
def test_the_mend_is_right_and_runs(patient: CrashPatient) -> None:
    first = explained(patient.raised()).mends[0]
    assert any(word in f"{first.what} {first.code}" for word in patient.mend), (first.what, first.code)
    assert first.works or patient.name in UNTRIED
    assert not applied(patient, first).startswith("raises") or patient.name in STAND_IN


def test_most_mends_of_the_held_out_half_run() -> None:
    first = {patient.name: explained(patient.raised()).mends[:1] for patient in HELD_OUT}
    run = [p.name for p in HELD_OUT if first[p.name] and first[p.name][0].works and applied(p, first[p.name][0]) == "runs"]
    assert len(run) >= 0.7 * len(HELD_OUT), sorted({p.name for p in HELD_OUT} - set(run))


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda p: p.name)
def test_its_twin_runs(patient: CrashPatient) -> None:
    patient.run(False)
