"""Which server is lent."""

from __future__ import annotations

import pytest

from nbdebug.training.local import server


class Made:
    """A server without a process."""

    def __init__(self, imports=()):
        self.made_of, self.imports, self.users, self.stopped = server.made_of(), frozenset(imports), 0, False

    def alive(self):
        return True

    def report(self):
        return None

    def stop(self):
        self.stopped = True


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    monkeypatch.setattr(server, "Server", Made)
    monkeypatch.setattr(server, "_current", None)


def test_one_that_lacks_a_module_gives_way_to_one_that_has_it():
    plain = server.lent()
    server.back(plain)
    more = server.lent(("torchmetrics",))
    assert more is not plain and plain.stopped and more.imports == {"torchmetrics"}
    assert server.lent() is more  # what is there besides does not hurt
    assert server.lent(("colorsys",)).imports == {"colorsys", "torchmetrics"} and not more.stopped  # somebody has it


def test_the_same_one_is_lent_again():
    first = server.lent()
    server.back(first)
    assert server.lent() is first and first.users == 1
