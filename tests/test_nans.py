"""Each planted fault is found: its phase, its line, its code; and no sound training with legal infinities is accused."""

from __future__ import annotations

import importlib
import os
import pkgutil

import pytest

import nbdebug
from nbdebug.findings import INFO
from nbdebug.instruments.base import OWN_FAULT
from tests import nans

for module in pkgutil.iter_modules(nans.__path__):
    importlib.import_module(f"tests.nans.{module.name}")

STEPS = 40
KNOWN_MISSES = {"nan_in_a_step_of_a_sequence"}  # held out: of samples (T, C) the place in time is told, where the channel is asked for

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("patient", nans.SICK, ids=lambda p: f"{p.code}-{p.name}")
def test_a_fault_is_found_where_it_is(patient):
    report = nbdebug.find_nan(patient.build(), max_steps=STEPS)
    origin = report.result.origin
    assert origin is not None and origin.phase == patient.phase
    assert [f.code for f in report.findings if f.severity is not INFO] == [patient.code], "\n".join(map(str, report.findings))
    if patient.guilty:
        assert os.path.abspath(origin.file) == os.path.abspath(patient.file) and origin.line in patient.guilty, origin
    assert patient.where in f"{origin.location} · {origin.detail}"
    if patient.name not in KNOWN_MISSES:
        assert patient.sample in (None, origin.sample) and patient.column in (None, origin.column)
    assert report.result.reproduced
    assert report.proof.changes == ()
    assert OWN_FAULT not in str(report.to_dict())
    assert str(nbdebug.Report.from_dict(report.to_dict())) == str(report)


@pytest.mark.parametrize("patient", nans.SOUND, ids=lambda p: p.name)
def test_a_sound_training_raises_no_alarm(patient):
    report = nbdebug.find_nan(patient.build(), max_steps=STEPS)
    assert report.result.origin is None
    assert (report.result.steps, report.stopped) == (STEPS, "")
    assert [str(finding) for finding in report.findings if finding.severity is not INFO] == []
    assert report.proof.changes == ()
    assert OWN_FAULT not in str(report.to_dict())


def test_there_are_enough_of_them():
    own = [patient for patient in nans.SOUND if not patient.name.endswith(", mended")]
    assert len(nans.SICK) >= 90 and len(own) >= 25
    assert 2 * sum(patient.held_out for patient in nans.SICK) >= len(nans.SICK)
