"""The line that builds a layer, when only one can be meant."""

from __future__ import annotations

import sys

import pytest

from nbdebug.lines.built import line_that_builds


@pytest.fixture
def cells(monkeypatch):
    def write(*texts: str) -> None:
        monkeypatch.setattr(sys.modules["__main__"], "In", ["", *texts], raising=False)
        monkeypatch.setattr(sys.modules["__main__"], "get_ipython", lambda: None, raising=False)

    return write


def test_the_only_line_is_named_by_its_cell(cells):
    cells("import torch", "x = 1\nmodel = Sequential(\n    nn.Linear(4, 2),\n    nn.Softmax(dim=1),\n)")
    found = line_that_builds("Softmax")
    assert (found.cell, found.line, found.text) == (2, 4, "nn.Softmax(dim=1),")


def test_a_cell_run_again_replaces_itself(cells):
    cells("model = nn.Softmax(dim=0)", "model = nn.Softmax(dim=1)")
    assert line_that_builds("Softmax").cell == 2


def test_two_answers_are_none(cells):
    cells("first = nn.Softmax(1)", "second = nn.Softmax(1)")
    assert line_that_builds("Softmax") is None
    cells("model = [nn.Softmax(1),\nnn.Softmax(1)]")
    assert line_that_builds("Softmax") is None


def test_a_comment_and_a_longer_name_do_not_count(cells):
    cells("# nn.Softmax(1) was here", "a = nn.LogSoftmax(1)", "%load_ext nbdebug")
    assert line_that_builds("Softmax") is None
    assert line_that_builds("LogSoftmax").cell == 2
