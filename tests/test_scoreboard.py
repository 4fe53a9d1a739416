"""The programs of the scoreboard are what they say: a code, a guilty line, a twin that differs there alone; none is counted by what its marks give away."""

from __future__ import annotations

import ast
import hashlib
import sys
from pathlib import Path

import pytest

from nbdebug.catalogue import checks_by_code

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from _doctors import Alarm, Said  # noqa: E402
from _programs import HALVES, Program, mended, programs, unmarked  # noqa: E402
from scoreboard import Case, table, told, written  # noqa: E402

ALL = [program for half in HALVES for program in programs(half)]
TEXT = """x = 1  # here
y = 2  # fault
# fixed: y = 3
# fixed: z = 4
print(y)
"""


def test_there_are_as_many_and_as_varied_ones_as_the_figures_need():
    kinds = [program.kind for program in ALL]
    assert kinds.count("sick") >= 120 and kinds.count("sound") >= 40
    assert sum("transformers" in program.text for program in ALL if program.kind != "twin") >= 10
    assert len({program.text for program in ALL}) == len(ALL)


@pytest.mark.parametrize("kind", ["sick", "twin", "sound"])
@pytest.mark.parametrize("half", HALVES)
def test_programs_are_what_they_say(half, kind):
    chosen = [program for program in ALL if (program.half, program.kind) == (half, kind)]
    assert chosen
    for program in chosen:
        ast.parse(program.text)
        assert HALVES[hashlib.sha256(program.name.encode()).digest()[0] % 2] == program.half, program.name
        if kind == "sick":
            assert program.codes and program.codes <= checks_by_code().keys(), program.name
            assert program.objects and program.lines, program.name
        else:
            assert "# fault" not in program.text, program.name


def test_the_twin_has_the_fixed_lines_in_the_place_of_the_guilty_one():
    assert mended(TEXT) == "x = 1  # here\ny = 3\nz = 4\nprint(y)\n"


def test_a_tool_sees_no_marks_and_the_same_line_numbers():
    assert unmarked(TEXT) == "x = 1\ny = 2\n\n\nprint(y)\n"


def case(kind: str, *alarms: Alarm) -> Case:
    sick = kind == "sick"
    program = Program("p", "held_out", kind, "", frozenset({"ND401"} if sick else ()), ("MSELoss", "head"), frozenset({7}), "both")
    return Case(program, Said(alarms, 1.0, 1.0))


def test_figures_count_what_their_names_say():
    found = case("sick", Alarm(("ND102",), "", None), Alarm(("ND401",), "loss_fn (mse_loss)", ("/programs/p.py", 7)))
    figures = told([found, case("sick"), case("twin", Alarm(("ND102",), "", None)), case("sound")])
    assert (figures["recall"], figures["first"], figures["in three"]) == (0.5, 0.0, 0.5)
    assert (figures["object"], figures["line"], figures["false alarms"], figures["of sound"]) == (0.5, 0.5, 0.5, 0.0)


def test_a_name_inside_another_word_is_not_named():
    assert not case("sick", Alarm(("ND401",), "overhead of it", ("/programs/p.py", 8))).names_object()
    assert not case("sick", Alarm(("ND401",), "head", ("/programs/p.py", 8))).names_line()


def test_the_table_goes_into_its_place_and_leaves_the_others_rows(tmp_path):
    figures, path = {"nbdebug": told([case("sick"), case("sound")])}, tmp_path / "RESULTS.md"
    path.write_text("above\n<!-- scoreboard held_out -->\n| | old |\n|---|---|\n| nbdebug | 1 |\n| peer | 2 |\n<!-- end -->\nbelow\n")
    written(figures, "held_out", path)
    assert path.read_text() == "above\n<!-- scoreboard held_out -->\n" + "\n".join([*table(figures), "| peer | 2 |"]) + "\n<!-- end -->\nbelow\n"
    with pytest.raises(SystemExit, match="no place"):
        written(figures, "tuned_on", path)
