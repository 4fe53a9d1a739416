"""The text of a line, and the function it stands in."""

from __future__ import annotations

import pytest

from nbdebug.findings import Location
from nbdebug.lines.quoted import quoted

TEXT = """
import torch


class Net(torch.nn.Module):
    size = 3  # of it

    def forward(self, x):
        def scaled(y):
            return y / "#"  # by a word

        return scaled(
            x,
        )


net = Net()
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(TEXT)
    return str(path)


@pytest.mark.parametrize(
    ("line", "function", "text"),
    [(10, "Net.forward.scaled", 'return y / "#"'), (13, "Net.forward", "x,"), (6, "", "size = 3"), (17, "", "net = Net()"), (99, "", ""), (None, "", "")],
)
def test_a_line_of_a_script(script, line, function, text):
    assert quoted(script, line) == (function, text)


def test_what_is_not_there():
    assert quoted("", 3) == ("", "")
    assert quoted("nowhere.py", 3) == ("", "")
    assert quoted("", 3, cell=10**6) == ("", "")


def test_a_location_reads_like_a_sentence():
    place = Location(module="net", file="net.py", line=10, function="Net.forward", text="return y")
    assert str(place) == "net.py, line 10 in Net.forward: return y · net"
    assert str(Location(file="net.py", line=10)) == "net.py, line 10"
