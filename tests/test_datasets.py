"""Each sick data set gets its codes, each sound one none."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import nbdebug
from nbdebug.findings import INFO
from nbdebug.instruments.base import OWN_FAULT
from nbdebug.instruments.report import Report
from tests import datasets

for module in pkgutil.iter_modules(datasets.__path__):
    importlib.import_module(f"tests.datasets.{module.name}")


def audited(case: datasets.Case) -> Report:
    given = case.build()
    return getattr(nbdebug, case.by)(given.pop("data"), **given, budget="30 s")


def nothing_went_wrong(report: Report) -> None:
    assert report.proof.changes == ()
    assert getattr(report.result, "unanswered", {}) == {}
    plain = report.to_dict()
    assert OWN_FAULT not in str(plain)
    assert Report.from_dict(plain) == report


@pytest.mark.parametrize("case", datasets.SICK, ids=lambda c: f"{'-'.join(sorted(c.codes))}-{c.name}")
def test_sick_data_gets_its_codes(case: datasets.Case) -> None:
    report = audited(case)
    alarms = [finding for finding in report.findings if finding.severity is not INFO]
    assert {finding.code for finding in alarms} == set(case.codes), "\n".join(map(str, report.findings))
    places = [str(finding.location) for finding in alarms]
    assert any(case.where in place for place in places), places
    nothing_went_wrong(report)


@pytest.mark.parametrize("case", datasets.SOUND, ids=lambda c: c.name)
def test_sound_data_gets_none(case: datasets.Case) -> None:
    report = audited(case)
    assert [str(finding) for finding in report.findings if finding.severity is not INFO] == []
    nothing_went_wrong(report)
