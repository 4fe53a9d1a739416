"""Each sick loop gets its codes on the right line, each sound one none."""

from __future__ import annotations

import importlib
import os
import pkgutil

import pytest

import nbdebug
from nbdebug.findings import INFO
from nbdebug.instruments.base import OWN_FAULT
from tests import loops

for module in pkgutil.iter_modules(loops.__path__):
    importlib.import_module(f"tests.loops.{module.name}")


@pytest.mark.filterwarnings("ignore")  # torch warns of some of these mistakes itself
@pytest.mark.parametrize("patient", loops.SICK, ids=lambda p: f"{'-'.join(sorted(p.codes))}-{p.name}")
def test_a_sick_loop_gets_its_codes(patient):
    with nbdebug.watch(live=False) as watch:
        patient.run()
    report = watch.report()
    alarms = [finding for finding in report.findings if finding.severity is not INFO]
    assert {finding.code for finding in alarms} == set(patient.codes), "\n".join(map(str, alarms))
    places = [str(finding.location) for finding in alarms]
    assert any(patient.where in place for place in places), places
    if patient.guilty:
        lines = {f.location.line for f in alarms if os.path.abspath(f.location.file) == os.path.abspath(patient.file)}
        assert lines & patient.guilty, (places, sorted(patient.guilty))
    assert OWN_FAULT not in str(report.to_dict())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("patient", loops.SOUND, ids=lambda p: p.name)
def test_a_sound_loop_gets_none(patient):
    with nbdebug.watch(live=False) as watch:
        patient.run()
    report = watch.report()
    assert [str(finding) for finding in report.findings if finding.severity is not INFO] == []
    assert OWN_FAULT not in str(report.to_dict())
