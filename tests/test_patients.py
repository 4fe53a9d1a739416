"""Each sick training gets its codes, each sound one none."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import nbdebug
from nbdebug.findings import INFO
from nbdebug.instruments.base import OWN_FAULT
from tests import patients

for module in pkgutil.iter_modules(patients.__path__):
    importlib.import_module(f"tests.patients.{module.name}")


@pytest.mark.parametrize("patient", patients.SICK, ids=lambda p: f"{'-'.join(sorted(p.codes))}-{p.name}")
def test_a_sick_training_gets_its_codes(patient):
    report = nbdebug.checkup(patient.build(), budget="60 s")
    alarms = [finding for finding in report.findings if finding.severity is not INFO]
    assert {finding.code for finding in alarms} == set(patient.codes), "\n".join(map(str, alarms))
    places = [str(finding.location) for finding in alarms]
    assert any(patient.where in place for place in places), places
    assert report.proof.changes == ()
    assert OWN_FAULT not in str(report.to_dict())


@pytest.mark.parametrize("patient", patients.SOUND, ids=lambda p: p.name)
def test_a_sound_training_gets_none(patient):
    report = nbdebug.checkup(patient.build(), budget="60 s")
    assert [str(finding) for finding in report.findings if finding.severity is not INFO] == []
    assert report.proof.changes == ()
    assert OWN_FAULT not in str(report.to_dict())
