"""What `print(report)` shows, in a terminal without colour."""

import pytest

from nbdebug.findings import Finding, Location, Severity
from nbdebug.page import Curve, Page, Section, Table
from nbdebug.render import text
from nbdebug.render.text_panels import bars, sparkline
from tests.render import sample_pages as pages

NAN, INF = pages.NAN, pages.INF


def shown(*panels):
    return text.render(Page("t", "", (), (), (Section("s", "data", panels),)))


def test_the_verdict_comes_first_and_in_words():
    assert text.render(pages.RICH).splitlines()[2] == (
        "2 errors · 2 warnings · 1 note · 17 checked and sound · 3 not checked"
    )
    assert text.render(pages.CALM).splitlines()[2] == "nothing found: 21 checks sound"


def test_a_finding_says_severity_code_place_number_and_what_to_try():
    lines = [line.strip() for line in text.render(pages.RICH).splitlines()]
    at = lines.index("ERROR ND601 parameter not optimised")
    assert lines[at + 1] == "at src/experiments/classification/finetune.py, line 218 · head.weight"
    assert "Try: build the optimizer after the head is replaced" in lines
    assert "Evidence: gradient = 0.0312, elements = 1,280,000, change in one step = 0" in lines


def test_a_folded_symptom_stands_under_its_cause_only():
    written = text.render(pages.RICH)
    assert "Explains ND701 cannot overfit: " in written
    assert "ERROR ND701" not in written


def test_a_reason_is_said_once_for_all_checks_it_stopped():
    written = text.render(pages.RICH)
    assert "no val_loader was given: ND105 split overlap, ND106 preparation mismatch" in written
    assert written.count("no val_loader") == 1


def test_nothing_checked_is_not_called_sound():
    assert "nothing could be judged: 3 checks not run" in text.render(pages.UNJUDGED)
    assert "measured only" in text.render(pages.EMPTY)


def test_a_changed_session_is_an_alarm_at_both_ends():
    lines = text.render(pages.CHANGED).splitlines()
    assert any("YOUR SESSION WAS CHANGED" in line for line in lines[:4])
    assert lines[-1] == "!" * text.WIDTH
    assert "CHANGED" not in text.render(pages.CALM)


def test_a_long_table_is_cut_and_says_so():
    written = shown(pages.layers_table(50))
    assert ".l.11.s" in written
    assert ".l.12.s" not in written
    assert "… 38 more rows" in written


@pytest.mark.parametrize("page", [*pages.ALL.values(), pages.deep_page(50)])
def test_lines_fit_a_terminal(page):
    code = {line.strip() for line in pages.PASTE.text.splitlines()}  # pasted as it is, never wrapped
    assert all(len(line) <= 100 for line in text.render(page).splitlines() if line.strip() not in code)


def test_a_table_is_aligned_with_numbers_flush_right():
    lines = shown(Table("t", ("name", "size"), (("a", 5), ("bb", 1234)))).splitlines()
    assert lines[-3:] == ["  name   size", "  a         5", "  bb    1,234"]


def test_a_wide_table_leaves_out_its_last_columns_and_says_how_many():
    columns = tuple(f"column number {i}" for i in range(12))
    written = shown(Table("t", columns, (tuple(range(12)),)))
    assert "more columns" in written
    assert max(map(len, written.splitlines())) <= 100


def test_a_sparkline_rises_with_its_values_and_marks_what_is_not_finite():
    assert sparkline([0.0, 0.5, 1.0], 8) == "▁▅█"
    assert sparkline([0.0, NAN, INF, 1.0], 8) == "▁·!█"
    assert len(sparkline([float(i) for i in range(500)], 24)) == 24


def test_bars_are_as_high_as_the_counts():
    assert bars([0, 4, 8], 8) == " ▄█"
    assert bars([1, 1, 2, 2], 2) == "▄█"
    assert bars([0, 0], 4) == "  "


def test_a_curve_that_breaks_says_where():
    written = shown(Curve("c", {"loss": (1.0, 2.0, NAN, NAN)}, x=(0.0, 10.0, 20.0, 30.0)))
    assert "2, first at step 20" in written


def test_no_control_character_reaches_the_terminal():
    written = text.render(pages.ODD)
    assert "\x1b" not in written
    assert written.encode()  # no lone surrogate either


def test_the_same_trouble_a_hundred_times_is_told_three_times_and_counted():
    written = text.render(pages.deep_page(50))
    assert written.count("ERROR ND501") == 3
    assert "… and 47 more of ND501" in written


def test_others_of_a_code_in_one_place_say_what_they_are():
    of = [Finding("ND118", "annotation wrong", Severity.WARNING, f"{i + 2} boxes are wrong in manner {i}", "mend them", Location(detail="data boxes")) for i in range(5)]
    written = text.render(Page("t", "", tuple(of), (), ()))
    assert "and 2 more of ND118:" in written
    assert "data boxes: 5 boxes are wrong in manner 3" in written and "data boxes: 6 boxes are wrong in manner 4" in written
