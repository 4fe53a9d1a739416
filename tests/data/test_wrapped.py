"""Columns that a cast of the text wrapped round several times: whichever way their circle is cut open, it is not straight."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

import nbdebug
from nbdebug.findings import INFO

HEAD = """
import numpy
import pandas
import torch
from torch.utils.data import DataLoader, TensorDataset

drawn = numpy.random.default_rng(3)
metres, minutes, night = drawn.uniform(0, 160_000, 1500), drawn.integers(0, 90, 1500), drawn.random(1500) < 0.3
fare = 4 + metres / 1000 * (1.3 + 0.5 * night) + 0.3 * minutes + drawn.normal(0, 2, 1500)
frame = pandas.DataFrame({"metres": metres.astype(int), "minutes": minutes, "night": night})
"""
TAIL = """
columns = frame.to_numpy().astype("float32")
inputs = torch.tensor((columns - columns.mean(0)) / columns.std(0))
targets = torch.tensor((fare - fare.mean()) / fare.std()).float()
data = DataLoader(TensorDataset(inputs, targets), 32, shuffle=True)
"""
SICK = {
    "a table of types": 'frame = frame.astype({\n    "minutes": "int16",\n    "metres": "int16",  # guilty\n    "night": "int8"})',
    "of NumPy": 'frame["metres"] = metres.astype(int).astype(numpy.uint16)  # guilty',
    "of torch": 'frame["metres"] = torch.tensor(metres).long().to(torch.int16).numpy()  # guilty',
    "a tail": 'metres = drawn.exponential(70_000, 1500)\nfare = metres / 1000 + drawn.normal(0, 2, 1500)\nframe["metres"] = metres.astype(int).astype("uint16")  # guilty',
    "that falls": 'fare = -fare\nframe["metres"] = metres.astype(int).astype("int16")  # guilty',
    "bytes": 'frame["metres"] = (metres // 200).astype(int).astype("uint8")  # guilty',
}
SOUND = {
    "wide enough": 'frame = frame.astype({"metres": "int32", "minutes": "int16"})',
    "a sensor that fills its range": 'frame["metres"] = (metres / 160_000 * 65535).astype("uint16")',
    "a sensor that says little": 'frame["metres"] = (metres / 160_000 * 65535).astype("uint16")\nfare = fare + 200 * drawn.normal(size=1500)',
    "a hash": 'frame["metres"] = drawn.integers(0, 65536, 1500).astype("uint16")',
    "an angle": 'angle = drawn.integers(0, 65536, 1500)\nfare = numpy.cos(angle / 65536 * 6.2832 * 3) + 0.2 * drawn.normal(size=1500)\nframe["metres"] = angle.astype("uint16")',
    "a season": 'angle = drawn.integers(0, 65536, 1500)\nfare = numpy.cos(angle / 65536 * 6.2832) + 0.2 * drawn.normal(size=1500)\nframe["metres"] = angle.astype("uint16")',
    "either way": 'frame["metres"] = (metres / 160_000 * 65535).astype("uint16")\nfare = fare * drawn.choice([-1, 1], 1500)',
}


def found(middle, monkeypatch):
    text = HEAD + middle + TAIL
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), vars(module))
    return [one for one in nbdebug.data_audit(module.data).findings if one.code == "ND111" and one.severity is not INFO], text.splitlines()


@pytest.mark.parametrize("how", SICK)
def test_the_target_goes_round_the_circle_several_times(how, monkeypatch):
    alarms, lines = found(SICK[how], monkeypatch)
    assert len(alarms) == 1
    assert lines[alarms[0].location.line - 1].endswith("# guilty")


@pytest.mark.parametrize("how", SOUND)
def test_what_fills_its_range_is_sound(how, monkeypatch):
    assert found(SOUND[how], monkeypatch)[0] == []
