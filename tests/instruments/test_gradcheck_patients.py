"""A wrong backward is found and its line named; what only looks wrong is not accused."""

from __future__ import annotations

import re

import pytest
import torch

import nbdebug
from nbdebug.findings import INFO
from nbdebug.instruments.base import OWN_FAULT
from tests.instruments.gradcheck_patients import LIKE, SICK


def alarms(report):
    return [finding for finding in report.findings if finding.severity is not INFO]


def examined(setup):
    torch.manual_seed(0)
    report = nbdebug.gradcheck(setup)
    assert report.proof.changes == ()
    assert OWN_FAULT not in str(report.to_dict())
    assert report.result.not_checked == "" and report.stopped == ""
    assert all(function.verdict != "not checked" for function in report.result.functions)
    return report


@pytest.mark.parametrize("name", SICK)
def test_a_wrong_backward_is_found_and_its_place_named(name):
    build, where, says = SICK[name]
    found = alarms(examined(build(True)))
    assert [finding.code for finding in found] == ["ND505"], found
    assert where in str(found[0].location), found[0].location
    assert re.search(says, found[0].message), found[0].message


@pytest.mark.parametrize("name", SICK)
def test_the_mended_twin_is_sound(name):
    report = examined(SICK[name][0](False))
    assert [str(finding) for finding in report.findings] == []
    assert any(row.verdict == "sound" for row in report.result.rows)


@pytest.mark.parametrize("name", LIKE)
def test_what_only_looks_wrong_is_not_accused(name):
    report = examined(LIKE[name]())
    assert [str(finding) for finding in alarms(report)] == []
    assert report.result.double, report.result.precision_note
