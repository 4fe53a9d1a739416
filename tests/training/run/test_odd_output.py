"""Whatever a training prints or returns, the run goes on and says what it could not keep."""

from __future__ import annotations

import pytest

from nbdebug.training.launching import launch
from tests.training.run import odd_trainings

LINES = 100_000


def test_a_hundred_thousand_lines_in_a_second_and_what_is_no_text():
    run = launch(odd_trainings.talkative, LINES).wait(240)
    assert run.state == "done" and run.result < 5.0  # seconds; by itself a print takes some microseconds
    *lines, of_c = run.logs(0).splitlines()
    assert lines == [f"line {number}" for number in range(LINES)] and of_c == "from C: \ufffd\ufffd \ufffd"
    assert sum(len(text) for _, text in run.history.output) < 1 << 20  # the kernel keeps the end of it
    assert run.history.output[-1][1].endswith("from C: \ufffd\ufffd \ufffd\n")
    assert f"line {LINES - 1}" in run._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize(
    ("what", "result", "words"),
    [
        ("unpicklable", {"lambda": None, "lock": None, "loss": 0.5, "3": [1, "x"]}, "the result['lambda'] (function), the result['lock'] (lock) cannot be sent"),
        ("a huge tensor", None, "the result (Tensor) cannot be sent"),
        ("a huge list", None, "the result is too large to be sent as text"),
        ("a ring", None, "holds itself, or is nested deeper than"),
        ("deep", None, "holds itself, or is nested deeper than"),
        ("not a number", {"loss": {"float": "nan"}}, ""),
        ("raises", {"odd": ""}, ""),
    ],
)
def test_what_a_training_returns_is_sent_as_far_as_it_is_plain(what, result, words):
    run = launch(odd_trainings.gives, what).wait(240)
    assert run.state == "done" and run.result == result
    assert not words and not run.notes or words in run.notes[0]
