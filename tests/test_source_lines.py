"""The user's own line, found among the frames of torch, nbdebug, Python and installed packages."""

from __future__ import annotations

import random
import sys
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nbdebug import source_lines
from nbdebug.findings import Location
from nbdebug.source_lines import SourceLine, line_of, location_fields, users_line, users_line_of_traceback

TORCH = torch.nn.functional.__file__
PYTHON = random.__file__
INSTALLED = "/usr/lib/python3/dist-packages/transformers/models/bert.py"
OWN = "/home/me/training/model.py"


def function_in(file: str, *, line: int = 1) -> Any:
    """A function of that file which calls what it is given and returns the answer."""
    names: dict[str, Any] = {}
    exec(compile("\n" * (line - 1) + "def call(inner): return inner()", file, "exec"), names)
    return names["call"]


def stack(*functions: Any) -> Any:
    """Calls the first with the second with the third …; nothing else of this file is between them and the last."""
    *outer, last = functions
    for function in reversed(outer):
        last = partial(function, last)
    return last()


def test_the_line_that_asks_is_named_with_its_text():
    found = users_line()  # this very line
    assert (found.file, found.text) == (__file__, "found = users_line()  # this very line")
    assert found.cell is None


def test_frames_of_torch_python_and_exec_are_passed_over():
    found = stack(function_in(TORCH), function_in(PYTHON), function_in("<string>"), users_line)
    assert found.file == __file__


def test_the_innermost_of_several_own_lines_is_named():
    found = stack(function_in(OWN, line=7), function_in(TORCH), users_line)
    assert (found.file, found.line) == (OWN, 7)


def test_an_installed_package_is_passed_over_when_own_code_called_it():
    assert stack(function_in(OWN), function_in(INSTALLED), users_line).file == OWN


def test_without_own_code_an_installed_package_is_named():
    instrument = function_in(source_lines.BOUNDARY)
    found = stack(instrument, function_in(INSTALLED, line=40), function_in(TORCH), users_line)
    assert (found.file, found.line) == (INSTALLED, 40)


def test_the_call_that_started_an_instrument_is_no_answer():
    assert function_in(source_lines.BOUNDARY)(users_line) is None


def test_depth_counts_callers():
    def asked_for_my_caller() -> SourceLine | None:
        return users_line(depth=2)

    found = asked_for_my_caller()
    assert found.text == "found = asked_for_my_caller()"


def traceback_through(*files: str) -> Any:
    """The traceback of an error that passed these files, outermost first."""
    try:
        stack(*(function_in(file, line=9) for file in files), "not callable")
    except TypeError as error:
        return error.__traceback__.tb_next.tb_next  # without this function and stack()


def test_the_innermost_own_line_of_a_traceback_is_named():
    found = users_line_of_traceback(traceback_through("/home/me/run.py", INSTALLED, OWN, INSTALLED, TORCH))
    assert (found.file, found.line) == (OWN, 9)


def test_in_a_traceback_too_the_call_of_an_instrument_is_no_answer():
    found = users_line_of_traceback(traceback_through(OWN, source_lines.BOUNDARY, INSTALLED, TORCH))
    assert found.file == INSTALLED


def test_no_traceback_has_no_line():
    assert users_line_of_traceback(None) is None


def test_another_line_of_a_frame_can_be_asked_for():
    assert line_of(sys._getframe(), 1).text.startswith('"""The user')


def test_code_that_lies_nowhere_has_no_line():
    assert function_in("<string>")(lambda: line_of(sys._getframe(1))) is None


def test_a_file_is_named_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = SourceLine(str(tmp_path / "src" / "model.py"), 3, None, "")
    outside = SourceLine(OWN, 3, None, "")
    assert str(Location(**location_fields(inside))) == "src/model.py, line 3"
    assert str(Location(**location_fields(outside))) == f"{OWN}, line 3"


def test_a_cell_is_named_by_its_number():
    in_cell = SourceLine("/tmp/ipykernel_12/345.py", 2, 7, "")
    assert location_fields(in_cell) == {"file": "", "line": 2, "cell": 7}
    assert str(Location(**location_fields(in_cell))) == "Cell In[7], line 2"


def test_no_line_leaves_the_location_empty():
    assert not Location(**location_fields(None))


@pytest.mark.parametrize(
    "file, number", [("<ipython-input-3-2f9a8c7b6d5e>", 3), ("/tmp/ipython-input-12-4282502808.py", 12)]
)
def test_the_terminal_and_colab_number_their_cells_in_the_name(file, number):
    assert function_in(file)(users_line).cell == number


def test_a_cell_whose_name_has_no_number_is_found_by_its_text(monkeypatch):
    file, text = "/tmp/ipython-input-2938354417.py", "def call(inner): return inner()"
    history = SimpleNamespace(input_hist_raw=["", "import torch", text], input_hist_parsed=["", "import torch\n", text])
    monkeypatch.setattr(source_lines, "_shell", lambda: SimpleNamespace(history_manager=history))
    monkeypatch.setitem(source_lines.linecache.cache, file, (len(text), None, [text + "\n"], file))
    assert str(function_in(file)(users_line)) == f"Cell In[2], line 1: {text}"


def test_a_cell_magic_can_tell_the_number_of_what_it_compiled(monkeypatch):
    file = "/tmp/ipykernel_99/123.py"
    monkeypatch.setitem(source_lines.overrides, file, 5)
    assert function_in(file, line=4)(users_line).cell == 5
