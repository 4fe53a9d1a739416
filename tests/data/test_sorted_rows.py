"""Rows that the text sorts by something that is no time, and then cuts by their place."""

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
from operator import itemgetter
from torch.utils.data import DataLoader, TensorDataset

drawn = numpy.random.default_rng(3)
height = drawn.uniform(100, 900, 800)
frame = pandas.DataFrame({"height": height, "warm": 24 - 0.0075 * height + drawn.normal(0, 1, 800), "clay": drawn.uniform(5, 40, 800), "day": numpy.arange(800) * 0.7})
frame["tons"] = 0.4 * frame.warm + 0.05 * frame.clay + drawn.normal(0, 0.2, 800)
used = ["height", "warm", "clay"]
"""
TAIL = """
columns = frame[used + ["tons"]].to_numpy().astype("float32")
columns = torch.tensor((columns - columns[:600].mean(0)) / columns[:600].std(0))
train = DataLoader(TensorDataset(columns[:600, :-1], columns[:600, -1]), 32, shuffle=True)
val = DataLoader(TensorDataset(columns[600:, :-1], columns[600:, -1]), 100)
"""
SICK = {
    "a frame": 'frame = frame.sort_values("height").reset_index(drop=True)  # guilty',
    "downwards": 'frame = frame.sort_values(\n    by=["height", "clay"], ascending=False)  # guilty',
    "in a function": 'def load(table):\n    table = table.sort_values("height")  # guilty\n    return table[used + ["tons"]]\nframe = load(frame)',
    "by an order": "order = numpy.argsort(height)  # guilty\nheight = height[order]\nframe = frame.iloc[order]",
    "of records": 'rows = frame.to_dict("records")\nrows.sort(key=lambda row: row["height"])  # guilty\nframe = pandas.DataFrame(rows)',
    "by an item": 'frame = pandas.DataFrame(sorted(frame.to_dict("records"), key=itemgetter("clay")))  # guilty',
    "by the target": 'frame = frame.sort_values("tons")  # guilty',
    "by a column that is left out": 'frame = frame.sort_values("height")  # guilty\nused = ["warm", "clay"]\nframe["warm"] = 24 - 0.0075 * frame["height"] + drawn.normal(0, 0.5, 800)',
}
SOUND = {
    "as they come": 'frame["height"] = numpy.sort(height)',
    "by time": 'frame["height"] = numpy.sort(height)\nframe = frame.sort_values("day")',
    "by a moment": 'frame["started_at"], frame["height"] = frame.day, numpy.sort(height)\nframe = frame.sort_values(by="started_at")',
    "by place": 'frame["station"] = height\nframe = frame.sort_values("station")',
    "and shuffled": 'frame = frame.sort_values("height").sample(frac=1, random_state=0)',
    "something else": 'frame["height"] = numpy.sort(height)\nclasses = sorted({"b", "a"})\nbest = numpy.argsort([3, 1, 2])[:2]\nnumpy.array(used)[best]',
}


def found(middle, monkeypatch):
    text = HEAD + middle + TAIL
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), vars(module))
    report = nbdebug.data_audit(module.train, val=module.val)
    return [one for one in report.findings if one.code == "ND115" and one.severity is not INFO], text.splitlines()


@pytest.mark.parametrize("how", SICK)
def test_a_cut_through_rows_that_were_sorted_is_named_by_the_line_that_sorts(how, monkeypatch):
    alarms, lines = found(SICK[how], monkeypatch)
    assert alarms
    line = alarms[0].location.line
    assert any(text.endswith("# guilty") for text in lines[line - 1 : line + 1])


@pytest.mark.parametrize("how", SOUND)
def test_time_place_and_chance_are_fine(how, monkeypatch):
    assert found(SOUND[how], monkeypatch)[0] == []
