"""Runs in a folder of their own, and a notebook whose cells are told."""

from __future__ import annotations

import sys

import pytest

from nbdebug.training.record import content, data


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch):
    """What is read must not depend on what else the machine does."""
    monkeypatch.setattr(content, "SECONDS", 30.0)
    monkeypatch.setattr(data, "SECONDS", 30.0)


@pytest.fixture
def cells(monkeypatch):
    """Executes texts as the cells of a notebook."""
    main = vars(sys.modules["__main__"])

    def execute(*texts):
        before = set(main)
        monkeypatch.setitem(main, "In", ["", *texts])
        monkeypatch.setitem(main, "get_ipython", lambda: None)
        held = {}
        for text in texts:
            exec(compile(text, "<cell>", "exec"), held)
        for name, value in held.items():
            if name not in before and name != "__builtins__":
                monkeypatch.setitem(main, name, value)
        return held

    return execute
