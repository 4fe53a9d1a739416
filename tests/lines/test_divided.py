"""The lines that divide samples, sort names as text, and take labels from a list."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

from nbdebug.lines.divided import line_that_divides, line_that_sorts_as_text, line_that_takes

TEXT = """
labels = read()
labels = labels[keep]
wanted = labels
train, val = random_split(data, [8, 2])
names = sorted(files)
places = sorted(files, key=number)
loader = DataLoader(TensorDataset(x, labels))
"""


@pytest.fixture
def script(monkeypatch):
    def of(text):
        module = types.ModuleType("__main__")
        module.__file__ = "/programs/of_a_user.py"
        monkeypatch.setitem(sys.modules, "__main__", module)
        monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))

    return of


def test_each_line_is_found(script):
    script(TEXT)
    assert line_that_divides().text.startswith("train, val = random_split")
    assert line_that_sorts_as_text().text == "names = sorted(files)"
    assert line_that_takes("labels").text == "wanted = labels"


def test_of_several_lines_none_is_said(script):
    script(TEXT + "one, two = train_test_split(data)\nagain = sorted(others)\n")
    assert line_that_divides() is None
    assert line_that_sorts_as_text() is None
    assert line_that_takes("nobody") is None
