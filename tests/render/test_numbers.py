"""One way to write a value, whichever renderer shows it."""

import math

import pytest

from nbdebug.render.numbers import clean, number, one_line, plural, sentence, shortened


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.12345, "0.123"), (1.2e-5, "1.2e-05"), (1234, "1,234"), (1234.4, "1,234"), (999.7, "1,000"), (1.0, "1"),
        (-0.5, "-0.5"), (0.0, "0"), (-0.0, "0"), (1e5, "1e+05"), (3.4e38, "3.4e+38"), (5e-324, "4.94e-324"),
        (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (True, "yes"), (False, "no"), (None, "–"),
        (1_280_000, "1,280,000"), (10**12, "1e+12"), (-(12 * 10**399), "-1.20e+400"), ("as it is", "as it is"),
    ],
)  # fmt: skip
def test_a_number_has_three_significant_digits_and_counts_have_all(value, written):
    assert number(value) == written


def test_a_shortened_path_keeps_the_number_that_tells_it_apart():
    names = [shortened(f"encoder.layers.{i}.self_attn.out_proj.weight", 34) for i in (1, 10, 11)]
    assert names[1] == "e.l.10.self_attn.out_proj.weight"
    assert len(set(names)) == 3


def test_a_long_name_without_dots_keeps_both_ends():
    assert shortened("abcdefghijklmnop", 9) == "abcd…mnop"
    assert len(shortened("a" * 99 + ".weight" * 9, 20)) == 20


def test_a_line_of_code_and_an_operator_are_no_path():
    assert shortened("h=torch.relu(self.fc1(x)).mean()", 20) == "h=torch…fc1(x)).mean()"[:0] + "h=torch.…(x)).mean()"
    assert shortened("aten.threshold_backward.default", 16) == "aten.t…d.default"


def test_control_characters_and_lone_surrogates_never_reach_a_terminal_or_a_file():
    assert clean("\x1b[31mred\x00\ud800\n") == "�[31mred�?\n"
    assert one_line(" a\n\t b ") == "a b"


def test_a_sentence_begins_with_a_capital_unless_it_begins_with_a_name():
    assert sentence("the loss is nan") == "The loss is nan."
    assert sentence("fc1.weight is 0") == "fc1.weight is 0."
    assert sentence("is it used?") == "Is it used?"
    assert sentence("  ") == ""


def test_one_is_singular():
    assert [plural(1, "check"), plural(0, "check"), plural(1000, "check")] == [
        "1 check",
        "0 checks",
        "1,000 checks",
    ]
