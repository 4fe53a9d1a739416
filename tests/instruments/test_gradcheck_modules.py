"""No false alarm over torch's own modules and losses: each is checked, and each gradient is called right."""

from __future__ import annotations

import pytest
import torch

import nbdebug
from nbdebug.instruments.gradcheck.result import FLAT, KINK, SOUND
from tests.instruments.gradcheck_modules import losses, modules

torch.manual_seed(0)
SOUND_ONES = {**modules(), **losses()}


@pytest.mark.parametrize("name", SOUND_ONES)
def test_a_standard_module_is_sound(name):
    report = nbdebug.gradcheck(SOUND_ONES[name]())
    found = report.result
    assert found.double and not found.not_checked, (found.not_checked, found.precision_note)
    assert [str(finding) for finding in report.findings] == []
    assert {row.verdict for row in found.rows} <= {SOUND, KINK, FLAT}, [(r.name, r.verdict, r.reason) for r in found.rows]
    assert any(row.verdict == SOUND for row in found.rows)
    assert report.proof.changes == ()
